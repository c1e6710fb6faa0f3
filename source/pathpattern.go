package source

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	swapi "github.com/fluxcd/source-watcher/api/v2/v1beta1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
)

var (
	captureName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	captureMark = regexp.MustCompile(`\\\{([a-zA-Z0-9_]+)\\\}`)
)

// expand lists the artifacts to build: the items of spec.artifacts, and with
// spec.pathPattern those items for each folder that the pattern matches.
func expand(g *swapi.ArtifactGenerator, ws workspace) ([]request, error) {
	if g.Spec.PathPattern != "" {
		return newFanOut(g).run(ws)
	}
	var out []request
	for i, a := range g.Spec.OutputArtifacts {
		out = append(out, request{OutputArtifact: a, index: i})
	}
	return out, nil
}

// fanOut makes requests of the folders that spec.pathPattern matches.
type fanOut struct {
	pattern string
	items   []swapi.OutputArtifact
	seen    map[string]string // folder by artifact name
	out     []request
}

func newFanOut(g *swapi.ArtifactGenerator) *fanOut {
	return &fanOut{pattern: g.Spec.PathPattern, items: g.Spec.OutputArtifacts, seen: map[string]string{}}
}

func (f *fanOut) errorf(format string, args ...any) error {
	return fmt.Errorf("pathPattern %q: %s", f.pattern, fmt.Sprintf(format, args...))
}

func (f *fanOut) run(ws workspace) ([]request, error) {
	alias, rest, ok := strings.Cut(f.pattern, "/")
	if !ok || !strings.HasPrefix(alias, "@") {
		return nil, fmt.Errorf("invalid pathPattern format: %s", f.pattern)
	}
	alias = strings.TrimPrefix(alias, "@")
	src := ws[alias]
	if src == nil {
		return nil, f.errorf("source alias %s not found in local sources", alias)
	}
	if _, err := fill(rest, f.declared); err != nil {
		return nil, err
	}
	expr := "^" + captureMark.ReplaceAllString(regexp.QuoteMeta(rest), `(?P<$1>[^/]+)`) + "$"
	matcher, err := regexp.Compile(expr)
	if err != nil {
		return nil, f.errorf("failed to compile path pattern: %s", err)
	}
	for _, name := range matcher.SubexpNames()[1:] {
		if errs := content.IsLabelKey(name); len(errs) > 0 {
			return nil, f.errorf("capture variable %q is not a valid Kubernetes label key: %s", name, strings.Join(errs, "; "))
		}
	}
	err = fs.WalkDir(src.fsys(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || p == "." {
			return err
		}
		if m := matcher.FindStringSubmatch(p); m != nil {
			return f.add(p, matcher.SubexpNames(), m)
		}
		return nil
	})
	return f.out, err
}

// declared checks a capture of the pattern itself.
func (f *fanOut) declared(name string, seen map[string]bool) (string, error) {
	switch {
	case name == "":
		return "", f.errorf("empty capture variable")
	case !captureName.MatchString(name):
		return "", f.errorf("capture variable %q must be a valid capture name matching [A-Za-z_][A-Za-z0-9_]*", name)
	case seen[name]:
		return "", f.errorf("duplicate capture variable %q", name)
	}
	return "", nil
}

// add makes the requests of one folder. Names and labels are in lower case,
// paths are as found.
func (f *fanOut) add(dir string, names, values []string) error {
	raw, lower := map[string]string{}, map[string]string{}
	for i, name := range names {
		if i == 0 || name == "" {
			continue
		}
		raw[name], lower[name] = values[i], strings.ToLower(values[i])
		if errs := content.IsLabelValue(lower[name]); len(errs) > 0 {
			return f.errorf("captured value %q for variable %q is not a valid Kubernetes label value: %s",
				lower[name], name, strings.Join(errs, "; "))
		}
	}
	for i, item := range f.items {
		r, err := rendered(item, raw, lower)
		if err != nil {
			return f.errorf("failed to render artifact %s for match %s: %s", item.Name, dir, err)
		}
		if errs := apivalidation.NameIsDNSSubdomain(r.Name, false); len(errs) > 0 {
			return f.errorf("rendered artifact name %q is not a valid Kubernetes object name: %s", r.Name, strings.Join(errs, "; "))
		}
		if other, ok := f.seen[r.Name]; ok {
			return f.errorf("directories %q and %q both resolve to artifact name %q", other, dir, r.Name)
		}
		f.seen[r.Name] = dir
		r.index, r.labels = i, lower
		f.out = append(f.out, r)
	}
	return nil
}

// rendered fills the captures into the name and the paths of an item.
func rendered(item swapi.OutputArtifact, raw, lower map[string]string) (request, error) {
	from := func(data map[string]string, template string) (string, error) {
		return fill(template, func(name string, _ map[string]bool) (string, error) {
			value, ok := data[name]
			switch {
			case name == "":
				return "", fmt.Errorf("invalid template %q: empty capture variable", template)
			case !captureName.MatchString(name):
				return "", fmt.Errorf("invalid template %q: capture variable %q must be a valid capture name matching [A-Za-z_][A-Za-z0-9_]*", template, name)
			case !ok:
				return "", fmt.Errorf("invalid template %q: capture variable %q is not defined by pathPattern", template, name)
			}
			return value, nil
		})
	}
	r := request{OutputArtifact: item}
	var err error
	if r.Name, err = from(lower, item.Name); err != nil {
		return request{}, err
	}
	r.Copy = make([]swapi.CopyOperation, len(item.Copy))
	for i, op := range item.Copy {
		if op.From, err = from(raw, op.From); err != nil {
			return request{}, err
		}
		if op.To, err = from(raw, op.To); err != nil {
			return request{}, err
		}
		r.Copy[i] = op
	}
	return r, nil
}

// fill replaces each {name} by what value says; seen holds the names before it.
func fill(template string, value func(name string, seen map[string]bool) (string, error)) (string, error) {
	var b strings.Builder
	seen := map[string]bool{}
	for rest := template; ; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			b.WriteString(rest)
			return b.String(), nil
		}
		offset := len(template) - len(rest) + i
		if rest[i] == '}' {
			return "", fmt.Errorf("invalid template %q: capture ending at offset %d is missing opening brace", template, offset)
		}
		b.WriteString(rest[:i])
		name, after, ok := strings.Cut(rest[i+1:], "}")
		if !ok {
			return "", fmt.Errorf("invalid template %q: capture starting at offset %d is missing closing brace", template, offset)
		}
		v, err := value(name, seen)
		if err != nil {
			return "", err
		}
		seen[name] = true
		b.WriteString(v)
		rest = after
	}
}
