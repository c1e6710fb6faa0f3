package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "build/field-ignored",
		Severity: finding.Warning,
		Summary:  "the kustomization.yaml of a Flux Kustomization has a field that kustomize does not know",
		Why: "Flux reads the kustomization.yaml in spec.path leniently and writes it anew, so a mistyped field is lost without a word. " +
			"The same mistake in a base fails the build, and so does it under \"kustomize build\".",
		Fix:   "correct the name of the field, or remove it",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, out := range active(p.World) {
				if isKustomization(out.Object.Ref()) && sourceOf(out.Object) == p.World.Entry.Source {
					reportIgnored(p, out)
				}
			}
		},
	})
}

func reportIgnored(p *validate.Pass, out *render.Outcome) {
	d := rootFile(p.World, out.Object)
	if d == nil {
		return
	}
	m, err := d.Map()
	if err != nil {
		return
	}
	for key := range m {
		// The names are read as Go reads JSON: in any case.
		if !slices.ContainsFunc(kustomizationFields, func(f string) bool { return strings.EqualFold(f, key) }) {
			p.Report(finding.Finding{
				Object: out.Object.Ref(), Pos: d.KeyAt(finding.Pointer(key)), Chain: out.Object.Chain(),
				Message: fmt.Sprintf("%q is no field of a kustomization.yaml; Flux drops it in silence", key),
			})
		}
	}
}

// rootFile is the kustomization file in the path of a Flux Kustomization.
func rootFile(w *render.World, o *render.Object) *repo.Document {
	dir := strings.TrimPrefix(path.Clean("/"+specText(o, "path")), "/")
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		f := w.Tree.File(path.Join(dir, name))
		if f == nil {
			continue
		}
		if docs := f.Documents(); len(docs) == 1 {
			return docs[0]
		}
		return nil
	}
	return nil
}

// kustomizationFields are the fields of kustomize's own Kustomization, those
// that it still reads although they are deprecated included.
var kustomizationFields = []string{
	"apiVersion", "kind", "metadata", "openapi",
	"namePrefix", "nameSuffix", "namespace", "commonLabels", "labels", "commonAnnotations",
	"patchesStrategicMerge", "patchesJson6902", "patches", "images", "imageTags", "replacements", "replicas", "vars", "sortOptions",
	"resources", "components", "crds", "bases",
	"configMapGenerator", "secretGenerator", "helmGlobals", "helmCharts", "helmChartInflationGenerator", "generatorOptions",
	"configurations", "generators", "transformers", "validators", "buildMetadata",
}
