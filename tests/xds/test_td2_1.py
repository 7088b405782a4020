from xds_world import World, errors_of, lot, status_of


def test_accept(world: World) -> None:
    body = world.deposit(lot())
    assert errors_of(body) == []
    assert status_of(body) == "Success"
