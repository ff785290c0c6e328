"""Copy htmx out of the django-htmx wheel at build time, so that the pages fetch nothing from elsewhere."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SCRIPTS = {
    "django_htmx/static/django_htmx/htmx-2.min.js": "htmx.min.js",
    "django_htmx/static/django_htmx/ext/hx-sse-2.min.js": "htmx-sse.min.js",
}


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc]  # hatchling's plug-in interface is untyped
    """Fill `dashboard/static/vendor` before the wheel, also the editable one, is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        vendor = Path(self.root) / "dashboard" / "static" / "vendor"
        vendor.mkdir(parents=True, exist_ok=True)
        wheel = distribution("django-htmx")
        for source, name in SCRIPTS.items():
            (vendor / name).write_bytes(Path(str(wheel.locate_file(source))).read_bytes())
