package source

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// gitNodes are the files that a check-out leaves in the work folder of the
// controller: only what spec.sparseCheckout names. A tree holds no files of
// submodules, as a check-out without spec.recurseSubmodules.
func gitNodes(obj *unstructured.Unstructured, nodes []node) ([]node, *Failure) {
	if recurse, _, _ := unstructured.NestedBool(obj.Object, "spec", "recurseSubmodules"); recurse {
		for _, dir := range submodules(nodes) {
			if slices.ContainsFunc(nodes, func(n node) bool { return strings.HasPrefix(n.path, dir+"/") }) {
				continue
			}
			f := notLocal(obj, absence{what: fmt.Sprintf("the submodule %q", dir)})
			return nil, f.at("/spec/recurseSubmodules", "add this source with the content of its submodules to the --source-map file, as a plain folder")
		}
	}
	return sparse(obj, nodes)
}

// submodules are the folders that .gitmodules names.
func submodules(nodes []node) []string {
	i := slices.IndexFunc(nodes, func(n node) bool { return n.path == ".gitmodules" })
	if i < 0 {
		return nil
	}
	data, err := nodes[i].bytes()
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(line, "=")
		if dir := path.Clean(strings.Trim(strings.TrimSpace(value), `"`)); ok && strings.TrimSpace(key) == "path" && dir != "." {
			out = append(out, dir)
		}
	}
	return out
}

// sparse keeps what spec.sparseCheckout names. The git library of the
// controller compares the start of the path, so that "apps" also brings
// "apps-old/", and files of the root are left out.
func sparse(obj *unstructured.Unstructured, nodes []node) ([]node, *Failure) {
	dirs := texts(obj, "spec", "sparseCheckout")
	if len(dirs) == 0 {
		return nodes, nil
	}
	var starts []string
	for _, d := range dirs {
		starts = append(starts, strings.TrimPrefix(d, "./"))
	}
	out := slices.DeleteFunc(slices.Clone(nodes), func(n node) bool {
		return !slices.ContainsFunc(starts, func(s string) bool { return strings.HasPrefix(n.path, s) })
	})
	for i, d := range dirs {
		clean := path.Clean(strings.TrimLeft(d, "/"))
		exists := clean == "." || slices.ContainsFunc(out, func(n node) bool {
			return n.path == clean || strings.HasPrefix(n.path, clean+"/")
		})
		if !exists {
			f := refusal(obj, ReasonContent, "GitOperationFailed", fmt.Sprintf(
				"failed to sparse checkout directories : sparse checkout dir '%s' does not exist in repository: lstat %s: no such file or directory", d, clean))
			return nil, f.at(finding.Pointer("spec", "sparseCheckout", fmt.Sprint(i)), "")
		}
	}
	return out, nil
}

// includeKey holds the objects whose includes are being resolved.
type includeKey struct{}

// included copies the artifacts of spec.include over the nodes and returns
// their digests.
func (s *Set) included(ctx context.Context, obj *unstructured.Unstructured, get Getter, nodes []node) ([]node, []string, *Failure) {
	raw, _, _ := unstructured.NestedFieldNoCopy(obj.Object, "spec", "include")
	items, _ := raw.([]any)
	var digests []string
	for i, item := range items {
		m, _ := item.(map[string]any)
		inc := include{obj: obj, pointer: finding.Pointer("spec", "include", fmt.Sprint(i))}
		inc.read(m)
		a, f := s.include(ctx, inc, get)
		if f != nil {
			return nil, nil, f
		}
		if nodes, f = inc.copy(nodes, a); f != nil {
			return nil, nil, f
		}
		digests = append(digests, a.Digest)
	}
	return nodes, digests, nil
}

// include is one entry of spec.include.
type include struct {
	obj            *unstructured.Unstructured
	pointer        string
	name, from, to string
}

func (i *include) read(m map[string]any) {
	i.name, _, _ = unstructured.NestedString(m, "repository", "name")
	i.from, _, _ = unstructured.NestedString(m, "fromPath")
	i.to, _, _ = unstructured.NestedString(m, "toPath")
	if i.to == "" {
		i.to = i.name
	}
}

// include resolves the included GitRepository, which is in the same namespace.
func (s *Set) include(ctx context.Context, i include, get Getter) (Artifact, *Failure) {
	ref := finding.Ref{Group: Group, Kind: "GitRepository", Namespace: i.obj.GetNamespace(), Name: i.name}
	target := get(ref)
	if target == nil {
		f := refusal(i.obj, ReasonInclude, "NotFound",
			fmt.Sprintf("could not get resource for include '%s': %s", i.name, NotFound(ref).Message))
		return Artifact{}, f.at(i.pointer+"/repository/name", "")
	}
	none := refusal(i.obj, ReasonInclude, "NoArtifact", fmt.Sprintf("no artifact available for include '%s'", i.name)).
		at(i.pointer, "")
	chain, _ := ctx.Value(includeKey{}).([]finding.Ref)
	if ref == refOf(i.obj) || slices.Contains(chain, ref) {
		none.Hint = "remove the include: the repositories include each other"
		return Artifact{}, none
	}
	ctx = context.WithValue(ctx, includeKey{}, append(slices.Clone(chain), refOf(i.obj)))
	a, f := s.Artifact(ctx, target, get)
	switch {
	case f == nil:
		return a, nil
	case f.Unknown:
		return Artifact{}, f
	}
	none.Related = append(none.Related, finding.Related{Pos: f.Pos, Message: f.Object.String() + ": " + f.Message})
	return Artifact{}, none
}

// copy moves the included folder in place. A folder that is already there is
// refused, as the controller renames.
func (i include) copy(nodes []node, a Artifact) ([]node, *Failure) {
	from, to := rooted(i.from), rooted(i.to)
	fail := func(cause string) ([]node, *Failure) {
		f := refusal(i.obj, ReasonInclude, "CopyFailure", fmt.Sprintf(
			"failed to copy '%s' include from %s to %s: %s", i.name, i.from, i.to, cause))
		return nil, f.at(i.pointer, "")
	}
	if to == "." || slices.ContainsFunc(nodes, func(n node) bool { return strings.HasPrefix(n.path, to+"/") }) {
		return fail(fmt.Sprintf("rename %s %s: file exists", from, to))
	}
	out := slices.DeleteFunc(slices.Clone(nodes), func(n node) bool { return n.path == to })
	before := len(out)
	for _, f := range a.Files {
		rel, ok := within(f.Path, from)
		if !ok {
			continue
		}
		out = append(out, node{path: path.Join(to, rel), exec: f.Exec, origin: f.Origin, data: f.Data})
	}
	if len(out) == before && from != "." {
		return fail(fmt.Sprintf("cannot stat %s: stat %s: no such file or directory", from, from))
	}
	return out, nil
}

// rooted reads a path as one below a root that it cannot leave.
func rooted(p string) string {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	if p == "" {
		return "."
	}
	return p
}

// within returns the path relative to a folder or file that holds it.
func within(p, dir string) (string, bool) {
	switch {
	case dir == ".":
		return p, true
	case p == dir:
		return "", true
	case strings.HasPrefix(p, dir+"/"):
		return strings.TrimPrefix(p, dir+"/"), true
	}
	return "", false
}
