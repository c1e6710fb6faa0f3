package facts

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const docs = "../docs/facts.md"

// TestDocumentation holds docs/facts.md against the registry; UPDATE=1 writes it.
func TestDocumentation(t *testing.T) {
	want := document()
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(docs, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s is not what the facts say; run the test with UPDATE=1 (-want +got):\n%s", docs, d)
	}
}

func document() []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Generated from facts: UPDATE=1 go test ./facts. Do not edit. -->

# Facts

"flux-rehearse simulate" says what a reviewer has to know about a change besides the fields that differ. A fact is derived
from what the replay did on the API server: the objects before and after, the inventories, and the order of the writes. It is
no mistake by itself, and does not change the exit code. A fact that was so before the change is not repeated. The severity is
the usual one; what destroys data has severity error.

| Fact | Severity | The replay shows that |
|---|---|---|
`)
	for _, k := range All() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", k.ID, k.ID, k.Severity, k.Summary)
	}
	for _, k := range All() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\nBefore merging: %s.\n", k.ID, k.Why, k.Check)
	}
	return b.Bytes()
}

func TestRegistry(t *testing.T) {
	id := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	var ids []string
	for _, k := range All() {
		ids = append(ids, k.ID)
		if !id.MatchString(k.ID) || k.Severity.Rank() == 0 || k.Summary == "" || k.Why == "" || k.Check == "" || k.find == nil {
			t.Errorf("%q is not complete", k.ID)
		}
		if !slices.Contains(tested, k.ID) {
			t.Errorf("%q has no test", k.ID)
		}
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("the registry is not sorted, or has an id twice: %q", ids)
	}
}
