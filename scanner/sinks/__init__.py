"""Places where results go besides the store; `registry` finds them, `publish` feeds them, one module holds each."""
