"""Renew docs/alerts.md, docs/alert-chat.svg and docs/architecture.svg."""

from sandbox.showcase.layers import LAYERS, draw_layers
from sandbox.showcase.page import PAGE, PICTURE, renewed
from sandbox.showcase.picture import draw
from sandbox.showcase.samples import OPENED

if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_text(draw(OPENED), encoding="utf-8")
    LAYERS.write_text(draw_layers(), encoding="utf-8")
