package resourceset

import (
	"regexp"

	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
)

func specOf(o *render.Object) loose.Fields { return loose.Of(o.Object["spec"]) }

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
