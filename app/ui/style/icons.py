"""The icons: line drawings on a 24 x 24 grid, drawn in whatever colour and size is asked for."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_APPLICATION_ICON = Path(__file__).parents[3] / "assets" / "icon.svg"

_SHAPES = {
    "camera": '<rect x="3" y="6" width="12.5" height="12" rx="2.5"/><path d="M15.5 10.5 21 7.5v9l-5.5-3z"/>',
    "film": '<rect x="3.5" y="5" width="17" height="14" rx="2.5"/><path d="M8 5v14M16 5v14M3.5 12h17"/>',
    "picture": '<rect x="3.5" y="5" width="17" height="14" rx="2.5"/><circle cx="9" cy="10" r="1.6"/>'
    '<path d="m4 17 5-4 3.5 2.8L16 12l4.5 4.4"/>',
    "folder": '<path d="M3.5 7.5a2 2 0 0 1 2-2h4l2 2.2h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z"/>',
    "stream": '<path d="M5 12a9 9 0 0 1 14 0M7.8 14.8a5.4 5.4 0 0 1 8.4 0"/><circle cx="12" cy="18" r="1.2"/>',
    "refresh": '<path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3"/><path d="M19.8 3.8v4.4h-4.4"/>',
    "split": '<rect x="3.5" y="5" width="17" height="14" rx="2.5"/><path d="M12 3v18"/>'
    '<path d="M12.6 5.6h5.6a1.8 1.8 0 0 1 1.8 1.8v9.2a1.8 1.8 0 0 1-1.8 1.8h-5.6z" fill="currentColor" '
    'fill-opacity=".35" stroke="none"/>',
    "side-by-side": '<rect x="2.5" y="7" width="8.5" height="10" rx="2"/>'
    '<rect x="13" y="7" width="8.5" height="10" rx="2" fill="currentColor" fill-opacity=".35"/>',
    "restored": '<path d="M12 3.5l1.9 5.1 5.1 1.9-5.1 1.9L12 17.5l-1.9-5.1L5 10.5l5.1-1.9z"/>'
    '<path d="M18.5 15.5v4M16.5 17.5h4"/>',
    "original": '<circle cx="12" cy="12" r="3"/>'
    '<path d="M2.8 12C5 8 8.3 6 12 6s7 2 9.2 6c-2.2 4-5.5 6-9.2 6s-7-2-9.2-6z"/>',
    "record": '<circle cx="12" cy="12" r="6" fill="currentColor" stroke="none"/>',
    "stop": '<rect x="6.5" y="6.5" width="11" height="11" rx="2" fill="currentColor" stroke="none"/>',
    "snapshot": '<path d="M4 8.5a2 2 0 0 1 2-2h2l1.3-2h5.4l1.3 2h2a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2z"/>'
    '<circle cx="12" cy="12.3" r="3.3"/>',
    "play": '<path d="M8 5.5v13l10.5-6.5z" fill="currentColor"/>',
    "pause": '<path d="M8.5 6v12M15.5 6v12" stroke-width="3"/>',
    "keyboard": '<rect x="2.5" y="6" width="19" height="12" rx="2.5"/>'
    '<path d="M6.5 10h.01M10 10h.01M14 10h.01M17.5 10h.01M8 14h8"/>',
    "more": '<g fill="currentColor" stroke="none"><circle cx="5.5" cy="12" r="1.7"/><circle cx="12" cy="12" r="1.7"/>'
    '<circle cx="18.5" cy="12" r="1.7"/></g>',
    "close": '<path d="M6.5 6.5l11 11M17.5 6.5l-11 11"/>',
    "chevron-down": '<path d="m7 10 5 5 5-5"/>',
    "chevron-right": '<path d="m10 7 5 5-5 5"/>',
    "plus": '<path d="M12 6.5v11M6.5 12h11"/>',
    "minus": '<path d="M6.5 12h11"/>',
    "error": '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5v5.5M12 16.3h.01"/>',
    "notice": '<circle cx="12" cy="12" r="8.5"/><path d="m8.3 12.3 2.5 2.5 5-5.3"/>',
    "offline": '<path d="M3.5 6.5h9.5a2.5 2.5 0 0 1 2.5 2.5v6M13.5 18H6a2.5 2.5 0 0 1-2.5-2.5V8"/>'
    '<path d="m15.5 10.5 5.5-3v9l-3-1.6M3 3l18 18"/>',
    "copy": '<rect x="8.5" y="8.5" width="11.5" height="11.5" rx="2.5"/>'
    '<path d="M5.5 15.5h-.5a1.5 1.5 0 0 1-1.5-1.5V5.5a2 2 0 0 1 2-2H14a1.5 1.5 0 0 1 1.5 1.5v.5"/>',
    "settings": '<path d="M4 7.5h9M17.5 7.5H20M4 16.5h2.5M11 16.5h9"/><circle cx="15.3" cy="7.5" r="2.2"/>'
    '<circle cx="8.7" cy="16.5" r="2.2"/>',
}


@lru_cache(maxsize=512)
def pixmap(name: str, colour: str, size: int, ratio: float) -> QPixmap:
    """The icon `size` logical pixels wide, in a `#rrggbb` colour, sharp at the screen's device pixel ratio."""
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="{colour}" '
        f'stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">{_SHAPES[name]}</svg>'
    ).replace("currentColor", colour)
    picture = QPixmap(round(size * ratio), round(size * ratio))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    QSvgRenderer(QByteArray(text.encode())).render(painter, QRectF(picture.rect()))
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture


def icon(name: str, colour: str, size: int = 18) -> QIcon:
    """The icon for buttons and menus, sharp up to three device pixels a logical one."""
    result = QIcon()
    for ratio in (1.0, 2.0, 3.0):
        result.addPixmap(pixmap(name, colour, size, ratio))
    return result


def application_icon() -> QIcon:
    """The application's own icon."""
    renderer = QSvgRenderer(str(_APPLICATION_ICON))
    result = QIcon()
    for size in (16, 32, 64, 128, 256):
        picture = QPixmap(size, size)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        renderer.render(painter, QRectF(picture.rect()))
        painter.end()
        result.addPixmap(picture)
    return result
