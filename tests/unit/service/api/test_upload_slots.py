from contextlib import ExitStack

import pytest

from service.api.upload_slots import UploadSlots
from service.errors import ServerBusyError, TooManyUploadsError


def test_a_tenant_has_no_more_than_its_share():
    slots = UploadSlots(16, tenant_share=4)
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(slots.take("greedy"))
        with pytest.raises(TooManyUploadsError) as refused:
            held.enter_context(slots.take("greedy"))
        assert (refused.value.limit, refused.value.actual) == (4, 5)
        held.enter_context(slots.take("modest"))


def test_all_tenants_together_have_no_more_than_all_slots():
    slots = UploadSlots(2, tenant_share=1)
    with slots.take("a"), slots.take("b"), pytest.raises(ServerBusyError):
        slots.take("c").__enter__()


def test_a_slot_is_free_again_however_its_block_ends():
    slots = UploadSlots(1, tenant_share=1)
    for _ in range(3):
        with pytest.raises(RuntimeError), slots.take("a"):
            raise RuntimeError
    with slots.take("b"):
        pass
