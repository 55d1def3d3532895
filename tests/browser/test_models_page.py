"""Registered and logged models in the pages: versions, where they came from, and their history."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import expect

from eventtrack.client import MlflowClient
from eventtrack.store import Store
from tests.browser.visit import Visit
from tests.server.running import Running, running

HOSTILE = "<img src=x onerror=document.title='broken'>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The pages of a store with a model that was logged, registered twice, and promoted."""
    path = tmp_path_factory.mktemp("models") / "store"
    client = MlflowClient(str(path))
    run_id = client.create_run("0", run_name="training").info.run_id
    store = client.store
    assert isinstance(store, Store)
    with closing(store):
        model = store.models.create(
            "0", name="net", source_run_id=run_id, params={"depth": HOSTILE}
        )
        store.registry.create("wombat", description=f"Sorts {HOSTILE}")
        for _ in range(2):
            store.registry.create_version(
                "wombat", f"models:/{model.model_id}", run_id=run_id, model_id=model.model_id
            )
        store.registry.set_alias("wombat", "champion", 1)
        store.registry.set_alias("wombat", "champion", 2)
    with running(path) as served:
        yield served


def test_a_model_shows_its_versions_where_they_came_from_and_who_moved_what(
    server: Running, visit: Visit
) -> None:
    page = visit.page
    visit.open(f"{server.url}/#/models")
    page.get_by_role("link", name="wombat").click()
    rows = page.get_by_role("region", name="Versions").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("v2")
    expect(rows.nth(0)).to_contain_text("@champion")
    parts = page.get_by_role("navigation", name="Parts of the model")
    parts.get_by_role("link", name="History").click()
    moved = page.locator(".change").nth(0)
    expect(moved).to_contain_text("alias.champion: version 1 → version 2")
    page.get_by_role("link", name="Versions (2)").click()
    rows.nth(0).get_by_role("link", name="logged model").click()
    expect(page.get_by_role("heading", name="net")).to_be_visible()
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    expect(page.get_by_role("link", name="wombat v2")).to_be_visible()
    page.get_by_role("link", name="training").first.click()
    expect(page).to_have_url(re.compile("#/runs/"))
    assert "broken" not in page.title()


def test_lists_of_models_say_how_to_make_the_first(server: Running, visit: Visit) -> None:
    page = visit.page
    visit.open(f"{server.url}/#/models?view=logged")
    expect(page.get_by_role("link", name="net")).to_be_visible()
    page.get_by_role("link", name="Prompts").click()
    expect(page.get_by_text("register_prompt")).to_be_visible()
    visit.open(f"{server.url}/#/models?at=1")
    expect(page.get_by_text("No models are registered.")).to_be_visible()
