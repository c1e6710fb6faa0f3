package rules

import (
	"bytes"
	"fmt"
	"path"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "reference/unreached",
		Severity: finding.Warning,
		Summary:  "a Flux object stands beside others that are applied, but no kustomization.yaml lists its file",
		Why: "What it declares never reaches a cluster, though the file looks as if it did. Only folders of which a cluster applies " +
			"something are looked at, and a file that the kustomization.yaml mentions, be it in a comment, is passed over.",
		Fix:   "list the file in the kustomization.yaml of its folder, or remove it",
		Since: "0.1.0",
		Reads: validate.ReadsTree,
		Check: func(p *validate.Pass) {
			r := reach(p)
			for _, d := range p.Tree.Documents() {
				ref, ok := d.Ref()
				if !ok || !isKustomization(ref) && !isHelmRelease(ref) || variable(ref.Name) {
					continue
				}
				if file := d.File.Path; r.files[file] || r.names[bare(ref)] || !r.folders[path.Dir(file)] || !unlisted(p.Tree, file) {
					continue
				}
				p.Report(finding.Finding{Object: ref, Pos: d.Position(), Message: fmt.Sprintf("no cluster applies %s", ref)})
			}
		},
	})
}

// reached is what the Worlds hold of the repository.
type reached struct {
	files, folders map[string]bool
	names          map[finding.Ref]bool
}

func reach(p *validate.Pass) reached {
	r := reached{files: map[string]bool{}, folders: map[string]bool{}, names: map[finding.Ref]bool{}}
	for _, w := range p.Worlds {
		for _, o := range w.Objects() {
			r.names[bare(o.Ref())] = true
			if doc := o.Origin.Doc; doc != nil {
				r.files[doc.File.Path] = true
				r.folders[path.Dir(doc.File.Path)] = true
				if ref, ok := doc.Ref(); ok {
					r.names[bare(ref)] = true
				}
			}
		}
	}
	return r
}

// unlisted reports whether the folder of a file has a kustomization file that
// does not mention it. Without one, Flux takes all files of a folder that it builds.
func unlisted(tree *repo.Tree, file string) bool {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		f := tree.File(path.Join(path.Dir(file), name))
		if f == nil {
			continue
		}
		data, err := f.Data()
		return err == nil && !bytes.Contains(data, []byte(path.Base(file)))
	}
	return false
}

// bare leaves out the namespace, which an overlay often sets.
func bare(ref finding.Ref) finding.Ref {
	ref.Namespace = ""
	return ref
}
