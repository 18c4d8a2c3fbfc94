"""Renew docs/alerts.md and docs/alert-chat.svg."""

from sandbox.showcase.page import PAGE, PICTURE, renewed
from sandbox.showcase.picture import draw
from sandbox.showcase.samples import OPENED

if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_text(draw(OPENED), encoding="utf-8")
