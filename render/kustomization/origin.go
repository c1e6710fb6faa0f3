package kustomization

import (
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// origins finds the story of every built object by reading the kustomization
// files once more. The build itself knows nothing of it.
func (j *job) origins(built *kustomize.Built) []*story {
	w, all := j.layers()
	objects := newIndex(all)
	out := make([]*story, len(built.Resources))
	for i, r := range built.Resources {
		out[i] = j.story(objects.find(r), r, w.root)
	}
	return out
}

// layers reads the kustomization files of the plan once.
func (j *job) layers() (*walk, []*declared) {
	if j.walked == nil {
		j.walked = &walk{files: j.files, flux: j.in.Object, remote: j.remote()}
		j.walked.rootLayer(j.plan.Dir, j.plan.Manifest)
		j.declared = j.walked.resources(j.walked.root)
	}
	return j.walked, j.declared
}

func (j *job) story(d *declared, r *kustomize.Resource, root *layer) *story {
	s := &story{}
	if d == nil {
		// Nothing that was read declares it: a transformer renamed it, or a
		// base is not part of this repository.
		s.Place = j.stray(root)
	} else {
		s.Origin, s.texts = d.Origin, d.texts
		final, err := r.Content()
		if err == nil {
			s.Writers = moved(d, final)
			for _, e := range d.edits {
				s.Writers = append(s.Writers, e(final)...)
			}
		}
	}
	s.Owner = j.in.Object
	return s
}

// stray is the place of an object that nothing which was read declares: the
// entry whose content is not read when there is one, else the root file.
func (j *job) stray(root *layer) finding.Position {
	if len(j.walked.strays) == 1 {
		return j.walked.strays[0]
	}
	pos := root.At("")
	if len(j.walked.strays) > 1 {
		pos = j.walked.strays[0]
	}
	if !pos.IsZero() {
		pos.Precision = finding.PrecisionFile
	}
	return pos
}

// moved keeps places right where list elements of the declaration stand at
// another index in the result, because a patch added or removed some.
func moved(d *declared, final map[string]any) []render.Writer {
	if d.Doc == nil || !d.patched {
		return nil
	}
	content, err := d.Doc.Map()
	if err != nil {
		return nil
	}
	m := merge{at: d.Doc.At, partly: true}
	m.object(content, final, "", "")
	return m.named("declaration")
}

// index finds declared objects by what they became.
type index struct {
	byKind map[string][]*declared
	taken  map[*declared]bool
}

func newIndex(all []*declared) *index {
	x := &index{byKind: map[string][]*declared{}, taken: map[*declared]bool{}}
	for _, d := range all {
		x.byKind[d.group+"/"+d.kind] = append(x.byKind[d.group+"/"+d.kind], d)
	}
	return x
}

// find returns the declaration of a built object, nil in doubt. Each
// declaration belongs to one object.
func (x *index) find(r *kustomize.Resource) *declared {
	group := x.byKind[r.Group+"/"+r.Kind]
	for _, rule := range []func(*declared) bool{
		func(d *declared) bool { return d.nowName == r.Name && d.nowSpace == r.Namespace },
		func(d *declared) bool { return d.nowName == r.Name },
		func(d *declared) bool { return d.hashed && hashOf(r.Name, d.nowName) && d.nowSpace == r.Namespace },
		func(d *declared) bool { return d.hashed && hashOf(r.Name, d.nowName) },
	} {
		for _, d := range group {
			if !x.taken[d] && rule(d) {
				x.taken[d] = true
				return d
			}
		}
	}
	var candidate *declared
	for _, d := range group {
		if x.taken[d] || d.name == "" || !strings.Contains(r.Name, d.name) {
			continue
		}
		if candidate != nil {
			return nil
		}
		candidate = d
	}
	return candidate
}

// hashLength is the number of characters of a content hash in a name.
const hashLength = 10

func hashOf(name, stem string) bool {
	rest, ok := strings.CutPrefix(name, stem+"-")
	return ok && len(rest) == hashLength
}
