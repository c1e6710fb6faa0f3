// Package kustomization renders Flux Kustomizations: what kustomize-controller
// would send to the cluster, and the story of every object.
package kustomization

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/expression"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// Group is the API group of Flux Kustomizations, and the prefix of the labels
// and annotations of their objects.
const Group = "kustomize.toolkit.fluxcd.io"

// Options says where a Renderer finds content.
type Options struct {
	// Dir returns the folder that holds an artifact, which is never written to.
	Dir func(source.Artifact) (string, error)
	// HTTP returns the local copy of a remote file; nil means that there are none.
	HTTP func(url string) (string, bool)
	// Git returns the folder that holds a git repository at a tag, branch or
	// commit, or at its main branch when ref is empty. Nil means that there are none.
	Git func(url, ref string) (string, bool)
	// Keys stand for the Secret of decryption keys where that is not at hand.
	Keys sops.Keys
	// Reveal is told every value that decryption brings to light; it may be
	// called from several renders at once. Nil means that nobody asks.
	Reveal func(text string)
}

// Renderer renders Flux Kustomizations.
type Renderer struct{ options Options }

// New returns a Renderer.
func New(o Options) *Renderer { return &Renderer{options: o} }

// Kinds names the one kind.
func (*Renderer) Kinds() []schema.GroupKind {
	return []schema.GroupKind{{Group: Group, Kind: "Kustomization"}}
}

// Needs names what a Flux Kustomization refers to: its dependencies, its source,
// the data it substitutes and the Secret that decrypts its files.
func (*Renderer) Needs(obj *render.Object, _ render.Settings) []render.Need {
	s := specOf(obj)
	var out []render.Need
	for i, d := range s.List("dependsOn") {
		m := loose.Of(d)
		ref := finding.Ref{Group: Group, Kind: "Kustomization", Namespace: or(m.Text("namespace"), obj.GetNamespace()), Name: m.Text("name")}
		out = append(out, render.Need{Kind: render.NeedDependency, Ref: ref, Field: fmt.Sprintf("/spec/dependsOn/%d", i)})
	}
	out = append(out, render.Need{Kind: render.NeedSource, Ref: sourceRef(obj), Field: "/spec/sourceRef"})
	for i, from := range s.Sub("postBuild").List("substituteFrom") {
		m := loose.Of(from)
		out = append(out, render.Need{
			Kind:     render.NeedData,
			Ref:      finding.Ref{Kind: m.Text("kind"), Namespace: obj.GetNamespace(), Name: m.Text("name")},
			Optional: m.Flag("optional"),
			Field:    fmt.Sprintf("/spec/postBuild/substituteFrom/%d", i),
		})
	}
	if name := s.Sub("decryption").Sub("secretRef").Text("name"); name != "" {
		out = append(out, render.Need{
			Kind:  render.NeedData,
			Ref:   finding.Ref{Kind: "Secret", Namespace: obj.GetNamespace(), Name: name},
			Field: "/spec/decryption/secretRef/name",
		})
	}
	return out
}

// Render builds the folder of the source that the object names, substitutes
// variables, and labels every object with its owner.
func (r *Renderer) Render(ctx context.Context, in render.Input) render.Result {
	j := &job{ctx: ctx, in: in, options: r.options, spec: specOf(in.Object), object: effective(in.Object.Unstructured)}
	res := j.run()
	res.Revision = j.artifact.Revision
	if j.spec.Flag("suspend") {
		// A suspended object is not looked at, so nothing is wrong with it.
		return render.Result{State: render.Suspended, Reason: "suspended", Applies: res.Applies, Revision: res.Revision}
	}
	return expression.Judge(in.Object, res)
}

// job is one render.
type job struct {
	ctx      context.Context
	in       render.Input
	options  Options
	spec     loose.Fields
	object   *unstructured.Unstructured // as the controller reads it
	artifact source.Artifact
	files    map[string]source.File
	plan     *kustomize.Plan
	problems []finding.Problem
	keys     *keyring
	walked   *walk // set by layers
	declared []*declared

	definitions map[string]finding.Position // of variables
}

func (j *job) run() render.Result {
	if res := j.findArtifact(); res != nil {
		return *res
	}
	plan, res := j.prepare()
	if res != nil {
		return *res
	}
	j.plan = plan
	if res := j.unlock(); res != nil {
		return *res
	}
	built, failure := plan.Build()
	if failure != nil {
		return j.fail(failure)
	}
	stories := j.origins(built)
	if res := j.postBuild(built, stories); res != nil {
		return *res
	}
	return j.finish(built, stories)
}

func (j *job) prepare() (*kustomize.Plan, *render.Result) {
	dir, err := j.options.Dir(j.artifact)
	if err != nil {
		return nil, &render.Result{State: render.Unknown, Reason: "artifact-unreadable", Problems: []finding.Problem{{
			Reason: "artifact-unreadable", Object: j.in.Object.Ref(), Pos: j.in.Object.At("/spec/sourceRef"), Message: err.Error(),
		}}}
	}
	j.files = make(map[string]source.File, len(j.artifact.Files))
	for _, f := range j.artifact.Files {
		j.files[f.Path] = f
	}
	plan, failure := kustomize.Prepare(kustomize.Input{
		Root:     dir,
		Path:     j.spec.Text("path"),
		Object:   j.object,
		Remote:   j.options.HTTP,
		Git:      j.options.Git,
		NoRemote: j.in.Settings.NoRemoteBases,
	})
	if failure != nil {
		res := j.fail(failure)
		return nil, &res
	}
	return plan, nil
}

// remote finds the local copies of remote files, which load whatever the flags
// of the controller say.
func (j *job) remote() func(string) (string, bool) { return j.options.HTTP }

// finish decodes the built resources, labels the objects with their owner and
// then adds common metadata, which therefore wins.
func (j *job) finish(built *kustomize.Built, stories []*story) render.Result {
	out := render.Result{State: render.Rendered, Problems: j.problems}
	common := j.spec.Sub("commonMetadata")
	for i, r := range built.Resources {
		objects, failure := r.Objects()
		if failure != nil {
			return j.fail(failure)
		}
		for k, u := range objects {
			origin := stories[i].Origin
			origin.Writers = slices.Clone(origin.Writers)
			if len(objects) > 1 {
				origin.Doc, origin.Place, origin.Writers = nil, listItem(origin, k), nil
				origin.Hidden = hiddenIn(origin.Hidden, fmt.Sprintf("/items/%d", k))
			}
			origin.Writers = append(origin.Writers, j.own(u)...)
			origin.Writers = append(origin.Writers, j.addCommon(u, common)...)
			out.Applies = append(out.Applies, &render.Object{Unstructured: u, Origin: origin})
		}
	}
	return out
}

func listItem(o render.Origin, index int) finding.Position {
	if o.Doc == nil {
		return o.Place
	}
	return o.Doc.At(fmt.Sprintf("/items/%d", index))
}

// hiddenIn are the pointers below one, as seen from there.
func hiddenIn(pointers []string, at string) []string {
	var out []string
	for _, p := range pointers {
		if rest, ok := strings.CutPrefix(p, at+"/"); ok {
			out = append(out, "/"+rest)
		}
	}
	return out
}

// own labels the object with its owner, which is why the owner's name is the
// place to edit for them.
func (j *job) own(u *unstructured.Unstructured) []render.Writer {
	labels := u.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[Group+"/name"], labels[Group+"/namespace"] = j.in.Object.GetName(), j.in.Object.GetNamespace()
	u.SetLabels(labels)
	var out []render.Writer
	for _, field := range []string{"name", "namespace"} {
		out = append(out, render.Writer{
			Pointer: finding.Pointer("metadata", "labels", Group+"/"+field),
			What:    "label",
			Pos:     j.in.Object.At("/metadata/" + field),
		})
	}
	return out
}

func (j *job) addCommon(u *unstructured.Unstructured, common loose.Fields) []render.Writer {
	var out []render.Writer
	for _, what := range []string{"labels", "annotations"} {
		values := common.Texts(what)
		if len(values) == 0 {
			continue
		}
		current := u.GetLabels()
		if what == "annotations" {
			current = u.GetAnnotations()
		}
		if current == nil {
			current = map[string]string{}
		}
		for _, k := range slices.Sorted(maps.Keys(values)) {
			current[k] = values[k]
			out = append(out, render.Writer{
				Pointer: finding.Pointer("metadata", what, k),
				What:    "commonMetadata",
				Pos:     j.in.Object.At(finding.Pointer("spec", "commonMetadata", what, k)),
			})
		}
		if what == "annotations" {
			u.SetAnnotations(current)
		} else {
			u.SetLabels(current)
		}
	}
	return out
}
