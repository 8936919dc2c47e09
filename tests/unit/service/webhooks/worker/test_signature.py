from service.webhooks.worker.signature import sign


def test_signature_is_that_of_the_standard():
    """The example of the Standard Webhooks specification."""
    signature = sign(
        ["whsec_plJ3nmyCDGBKInavdOK15jsl"],
        message_id="msg_loFOjxBNrRLzqYUf",
        timestamp=1731705121,
        body=b'{"event_type":"ping","data":{"success":true}}',
    )
    assert signature == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


def test_each_secret_signs():
    secrets = ["whsec_cGxKM25teUNER0JLSW5hdmRPSw==", "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFB"]
    both = sign(secrets, message_id="a", timestamp=1, body=b"{}")
    alone = [sign([secret], message_id="a", timestamp=1, body=b"{}") for secret in secrets]
    assert both.split(" ") == alone
    assert len(set(alone)) == 2
