package main

// The CRDs are read from the sources of these modules; importing a package of
// each keeps its version in go.mod.
import (
	_ "github.com/fluxcd/image-automation-controller/api/v1"
	_ "github.com/fluxcd/image-reflector-controller/api/v1"
	_ "github.com/fluxcd/notification-controller/api/v1"
)
