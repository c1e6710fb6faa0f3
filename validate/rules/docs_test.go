package rules

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/validate"
)

const docs = "../../docs/rules.md"

// TestDocumentation holds docs/rules.md against the registry; UPDATE=1 writes it.
func TestDocumentation(t *testing.T) {
	want := document(All())
	path := filepath.FromSlash(docs)
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s is not what the rules say; run the test with UPDATE=1 (-want +got):\n%s", docs, d)
	}
}

func document(all []validate.Rule) []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Generated from validate/rules: UPDATE=1 go test ./validate/rules. Do not edit. -->

# Rules

"flux-rehearse validate" reports findings of these rules. The severity is the usual one; a rule says below when it
gives another. The exit code is 1 for findings of severity error, or of the one that --fail-on names.

- **error**: the cluster would refuse it, or end in a state that nobody wants.
- **warning**: the cluster takes it, but likely not as meant.
- **info**: worth knowing.

Only what is certain is reported. Content that is not at hand (a chart that no source map names, a Secret that is encrypted)
leads to no finding, but to a lower coverage, which every report states. What is suspended is not looked at. What is missing in the repository may be made by hand; a configuration with
"rehearsal: {environment: server}" says that it is not, and makes errors of such findings.

A comment on the line, or alone on the line above it, suppresses findings there. It names rules or whole categories,
or nothing for all, and gives a reason after two dashes:

    replica: 3 # flux-rehearse:ignore schema/unknown-field -- read by our operator

| Rule | Severity | Reports that |
|---|---|---|
`)
	for _, r := range all {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", r.ID, anchor(r.ID), r.Severity, r.Summary)
	}
	for _, r := range all {
		fmt.Fprintf(&b, "\n## %s\n\n**%s**: %s. Since %s.\n\n%s\n\nTo fix it: %s.\n\nTo suppress it: `# flux-rehearse:ignore %s -- REASON`\n",
			r.ID, r.Severity, r.Summary, r.Since, r.Why, strings.TrimSuffix(r.Fix, "."), r.ID)
	}
	return b.Bytes()
}

// anchor is how a heading is addressed within a page: without punctuation.
func anchor(id string) string { return strings.ReplaceAll(id, "/", "") }
