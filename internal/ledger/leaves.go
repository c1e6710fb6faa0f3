// Package ledger lists the fields of the types of the Flux API, so that tests
// can hold what the ledgers of the renderers say against them.
package ledger

import (
	"reflect"
	"slices"
	"strings"
)

// fluxModules starts the import paths of types that are part of the Flux API.
// The fields of all others (metadata, conditions, durations) are one field.
const fluxModules = "github.com/fluxcd/"

// Leaves lists the fields of a Go type of the Flux API that hold no further
// ones, sorted: spec.install.crds, with [] behind lists.
func Leaves(t reflect.Type) []string {
	out := leaves(t, "")
	slices.Sort(out)
	return slices.Compact(out)
}

func leaves(t reflect.Type, at string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if t.Kind() == reflect.Slice {
			at += "[]"
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || !strings.HasPrefix(t.PkgPath(), fluxModules) {
		return []string{at}
	}
	var out []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		below := strings.TrimPrefix(at+"."+name, ".")
		switch {
		case name == "" && t.Field(i).Type.Name() == "TypeMeta":
			out = append(out, "apiVersion", "kind")
			continue
		case name == "": // embedded
			below = at
		}
		out = append(out, leaves(t.Field(i).Type, below)...)
	}
	return out
}
