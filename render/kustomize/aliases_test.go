package kustomize

import (
	"fmt"
	"strings"
	"testing"
)

// bomb is nine levels of nine aliases each.
const bomb = `a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]
g: &g [*f, *f, *f, *f, *f, *f, *f, *f, *f]
`

func TestCheckAliases(t *testing.T) {
	for _, c := range []struct {
		why, text string
		refused   bool
	}{
		{"no alias at all", "a: 1\n", false},
		{"an alias that stands for a little", "a: &a [1, 2]\nb: *a\n", false},
		{"aliases of aliases multiply", bomb, true},
		{"a second document counts as well", "a: 1\n---\n" + bomb, true},
		{"an inline patch is YAML in YAML", "patches:\n- patch: |\n    " + strings.ReplaceAll(bomb, "\n", "\n    ") + "\n", true},
		{"an anchor that contains itself has no end", "a: &a [*a]\n", true},
		{"a text with both characters is no YAML in YAML for ever", "run: |\n  a && b * c\n", false},
		{"as many keys as an object of the cluster can have", keys(maxKeys), false},
		{"keys without end", keys(maxKeys + 1), true},
		{"what is no YAML is reported by others", "a: [*b &c", false},
	} {
		if err := checkAliases([]byte(c.text)); (err != nil) != c.refused {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

// keys is a mapping of n keys.
func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: v\n", i)
	}
	return b.String()
}
