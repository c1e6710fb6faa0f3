package resourceset

import (
	"regexp"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// fields reads loosely typed content: what is absent or of another type is empty.
type fields map[string]any

func specOf(o *render.Object) fields { return object(o.Object["spec"]) }

func object(v any) fields {
	m, _ := v.(map[string]any)
	return m
}

func (f fields) sub(key string) fields { return object(f[key]) }

func (f fields) list(key string) []any {
	l, _ := f[key].([]any)
	return l
}

func (f fields) text(key string) string {
	s, _ := f[key].(string)
	return s
}

// texts reads a mapping of strings.
func (f fields) texts(key string) map[string]string {
	out := map[string]string{}
	for k, v := range f.sub(key) {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}

// hints say what to type about a template error.
var hints = []struct {
	pattern *regexp.Regexp
	hint    string
}{
	{regexp.MustCompile(`map has no entry for key`), "add the key to every input or to the default values of the input provider, or ask \"hasKey\" first"},
	{regexp.MustCompile(`function ".*" not defined`), "the functions are those of slim-sprig that read neither clock nor environment, and slugify, toYaml and mustToYaml"},
	{regexp.MustCompile(`unclosed action|unexpected EOF|unexpected {{end}}`), "close every << with >>, and every if, range and with with << end >>"},
}

func hint(message string) string {
	for _, h := range hints {
		if h.pattern.MatchString(message) {
			return h.hint
		}
	}
	return ""
}
