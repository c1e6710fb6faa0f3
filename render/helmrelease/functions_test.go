package helmrelease

import (
	"bytes"
	"testing"
	"text/template"
)

func TestFunctions(t *testing.T) {
	yield := func(name string) string {
		t.Helper()
		f := New(Options{}).Functions(Prepared{ReleaseName: name, ReleaseNamespace: "a"})
		tpl, err := template.New("").Funcs(f).Parse(`{{ randAlphaNum 12 }} {{ randAlphaNum 12 }} {{ uuidv4 }} {{ now.Year }}`)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := tpl.Execute(&out, nil); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if first, again := yield("one"), yield("one"); first != again {
		t.Errorf("two renders of a release yield %q and %q, want the same", first, again)
	}
	if one, two := yield("one"), yield("two"); one == two {
		t.Errorf("two releases yield the same %q, want others", one)
	}
	if text := yield("one"); text[:12] == text[13:25] {
		t.Errorf("two calls yield %q, want others", text)
	}
}
