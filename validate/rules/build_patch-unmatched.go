package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "build/patch-unmatched",
		Severity: finding.Warning,
		Summary:  "the target of a patch in a Flux object matches nothing",
		Why: "kustomize passes over a patch whose target matches no object, without a word. The objects are applied unpatched, " +
			"and everything is reported ready. A target is matched as it is before namespace, prefix and suffix are added.",
		Fix:   "correct kind and name of the target, or remove the patch",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, out := range active(p.World) {
				if out.State != render.Rendered {
					continue
				}
				for _, list := range patchLists(out.Object) {
					reportUnmatched(p, out, list)
				}
			}
		},
	})
}

// patchList is a list of patches and its JSON pointer.
type patchList struct {
	items   []any
	pointer string
}

// patchLists are the patches of a Kustomization, or those of the
// post-renderers of a HelmRelease.
func patchLists(o *render.Object) []patchList {
	if isKustomization(o.Ref()) {
		items, _ := spec(o)["patches"].([]any)
		return []patchList{{items, "/spec/patches"}}
	}
	var out []patchList
	renderers, _ := spec(o)["postRenderers"].([]any)
	for i, r := range renderers {
		m, _ := r.(map[string]any)
		k, _ := m["kustomize"].(map[string]any)
		items, _ := k["patches"].([]any)
		out = append(out, patchList{items, finding.Pointer("spec", "postRenderers", strconv.Itoa(i), "kustomize", "patches")})
	}
	return out
}

func reportUnmatched(p *validate.Pass, out *render.Outcome, list patchList) {
	for i, item := range list.items {
		m, _ := item.(map[string]any)
		text, _ := m["patch"].(string)
		target, _ := m["target"].(map[string]any)
		if len(target) == 0 || strings.Contains(text, "$patch") {
			continue
		}
		s := selector(target)
		objects := slices.Concat(out.Applies, out.CRDs, out.Hooks)
		if s == nil || slices.ContainsFunc(objects, s.matches) {
			continue
		}
		p.ReportAt(out.Object, finding.Pointer(append(finding.Tokens(list.pointer), strconv.Itoa(i), "target")...),
			fmt.Sprintf("the patch changes nothing: no object of %s matches its target %s", out.Object.Ref(), s.text))
	}
}

// kindAndName is the part of a target that can be compared with what is
// rendered. Namespace and labels are left out, as later steps change them.
type kindAndName struct {
	group, kind, name *regexp.Regexp
	text              string
}

// selector reads a target; nil when it is not valid.
func selector(target map[string]any) *kindAndName {
	s := &kindAndName{}
	for field, re := range map[string]**regexp.Regexp{"group": &s.group, "kind": &s.kind, "name": &s.name} {
		text, _ := target[field].(string)
		if strings.Contains(text, "${") {
			return nil
		}
		if text == "" {
			continue
		}
		compiled, err := regexp.Compile("^(?:" + text + ")$")
		if err != nil {
			return nil
		}
		*re = compiled
	}
	kind, _ := target["kind"].(string)
	name, _ := target["name"].(string)
	s.text = strings.Trim(kind+"/"+name, "/")
	return s
}

// matches compares with the name that an object has and the one that it was
// declared under. The name that a generator gives before its hash is not known,
// so a generated object matches by its kind.
func (s *kindAndName) matches(o *render.Object) bool {
	if !fits(s.group, o.GroupVersionKind().Group) || !fits(s.kind, o.GetKind()) {
		return false
	}
	if fits(s.name, o.GetName()) {
		return true
	}
	if o.Origin.Doc == nil {
		return o.Origin.Owner != nil && isKustomization(o.Origin.Owner.Ref())
	}
	declared, ok := o.Origin.Doc.Ref()
	return !ok || fits(s.name, declared.Name)
}

func fits(re *regexp.Regexp, text string) bool { return re == nil || re.MatchString(text) }
