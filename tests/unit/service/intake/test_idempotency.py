from service.intake.idempotency import fingerprint

ONE = [("task", "denoise"), ("filename", "a.png")]


def test_the_order_and_the_pieces_do_not_matter():
    assert fingerprint(ONE, [b"abc"]) == fingerprint(ONE[::-1], [b"a", b"bc"])


def test_whatever_is_sent_otherwise_is_another_submission():
    others = [
        fingerprint(ONE, [b"abd"]),
        fingerprint([("task", "denois"), ("filename", "ea.png")], [b"abc"]),
        fingerprint([("task", "denoise")], [b"abc"]),
        fingerprint([*ONE, ("x", "")], [b"abc"]),
        fingerprint([("taskdenoise", ""), ("filename", "a.png")], [b"abc"]),
        fingerprint(ONE, [b"abc"]),
    ]
    assert len(set(others)) == len(others)


def test_a_name_that_is_no_unicode_has_a_fingerprint():
    assert len(fingerprint([("filename", "\udcff")], [])) == 64
