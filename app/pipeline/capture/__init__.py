"""The capture thread: opening a source, keeping it alive, playing files at their own pace."""
