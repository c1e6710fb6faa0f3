package helmrelease

import (
	"maps"
	"slices"
	"text/template"
)

// collections yields the functions that would otherwise list the content of a
// table in another order each time. Here the order is that of the keys, which
// is one of those that a controller may take.
func collections() template.FuncMap {
	return template.FuncMap{"keys": keysOf, "values": valuesOf}
}

func keysOf(tables ...map[string]any) []string {
	out := []string{}
	for _, table := range tables {
		out = append(out, slices.Sorted(maps.Keys(table))...)
	}
	return out
}

func valuesOf(table map[string]any) []any {
	out := []any{}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		out = append(out, table[key])
	}
	return out
}
