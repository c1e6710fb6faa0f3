package helmrelease

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/google/go-cmp/cmp"
)

// leaves lists the fields of a type of the Flux API that hold no further ones.
func leaves(t reflect.Type, at string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if t.Kind() == reflect.Slice {
			at += "[]"
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || !strings.HasPrefix(t.PkgPath(), "github.com/fluxcd/") {
		return []string{at}
	}
	var out []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		below := at + "." + name
		if name == "" {
			below = at // embedded
		}
		out = append(out, leaves(t.Field(i).Type, below)...)
	}
	return out
}

// TestLedger fails when the API gains or loses a field, until the ledger says
// what becomes of it.
func TestLedger(t *testing.T) {
	want := leaves(reflect.TypeFor[v2.HelmReleaseSpec](), "spec")
	var got []string
	for _, f := range Ledger() {
		got = append(got, f.Path)
		if f.Use == "" || f.Why == "" {
			t.Errorf("%s: the ledger does not say what becomes of it", f.Path)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-fields of the API +rows of the ledger):\n%s", diff)
	}
}
