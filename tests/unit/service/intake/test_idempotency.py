from service.intake.idempotency import fingerprint_of

ONE = [("task", "denoise"), ("filename", "a.png")]


def test_the_order_and_the_pieces_do_not_matter():
    assert fingerprint_of(ONE, [b"abc"]) == fingerprint_of(ONE[::-1], [b"a", b"bc"])


def test_whatever_is_sent_otherwise_is_another_submission():
    others = [
        fingerprint_of(ONE, [b"abd"]),
        fingerprint_of([("task", "denois"), ("filename", "ea.png")], [b"abc"]),
        fingerprint_of([("task", "denoise")], [b"abc"]),
        fingerprint_of([*ONE, ("x", "")], [b"abc"]),
        fingerprint_of([("taskdenoise", ""), ("filename", "a.png")], [b"abc"]),
        fingerprint_of(ONE, [b"abc"]),
    ]
    assert len(set(others)) == len(others)


def test_a_name_that_is_no_unicode_has_a_fingerprint():
    assert len(fingerprint_of([("filename", "\udcff")], [])) == 64
