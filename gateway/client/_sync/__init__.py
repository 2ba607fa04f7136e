# Made of gateway/client/_async by `make client`: change it there.
