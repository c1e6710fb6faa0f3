package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "reference/unreached",
		Severity: finding.Warning,
		Summary:  "a Flux object stands in the repository but no cluster applies it",
		Why:      "What it declares never reaches a cluster, though the file looks as if it did.",
		Fix:      "list the file in the kustomization.yaml of its folder, or remove it",
		Since:    "0.1.0",
		Reads:    validate.ReadsTree,
		Check: func(p *validate.Pass) {
			if !complete(p.Worlds) {
				return
			}
			reached := map[finding.Ref]bool{}
			for _, w := range p.Worlds {
				for _, o := range w.Objects() {
					reached[bare(o.Ref())] = true
				}
			}
			for _, d := range p.Tree.Documents() {
				ref, ok := d.Ref()
				if ok && isFlux(ref) && !reached[bare(ref)] {
					p.Report(finding.Finding{Object: ref, Pos: d.At(""), Message: fmt.Sprintf("no cluster applies %s", ref)})
				}
			}
		},
	})
}

// complete reports whether everything was rendered: what is not known might
// reach any document.
func complete(worlds []*render.World) bool {
	for _, w := range worlds {
		for _, out := range w.Outcomes {
			if out.State == render.Unknown || out.State == render.Failed {
				return false
			}
		}
	}
	return true
}

// bare leaves out the namespace, which an overlay often sets.
func bare(ref finding.Ref) finding.Ref {
	ref.Namespace = ""
	return ref
}

func isFlux(ref finding.Ref) bool {
	return (ref.Group == kustomizeGroup || ref.Group == helmGroup) && ref.Name != ""
}
