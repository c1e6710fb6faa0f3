package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	swapi "github.com/fluxcd/source-watcher/api/v2/v1beta1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Generator is an ArtifactGenerator object and what it may see.
type Generator struct {
	Object   *unstructured.Unstructured
	Artifact func(ctx context.Context, ref finding.Ref) (Artifact, *Failure) // of its sources
	Lockdown bool                                                            // sources of other namespaces are refused
}

// Generation is what an ArtifactGenerator yields.
type Generation struct {
	Artifacts []Generated // in the order in which they are built; with a Failure those built before it
	Failure   *Failure    // nil when all artifacts are built; Condition is the reason of the Ready condition
	Problems  []finding.Problem
}

// Generated is one artifact of an ArtifactGenerator.
type Generated struct {
	Name     string
	Index    int               // of the item in spec.artifacts
	Labels   map[string]string // captured by spec.pathPattern
	Artifact Artifact
}

// workspace holds the folders in which source-watcher works: one per source
// alias and one per artifact, side by side.
type workspace map[string]*stage

// request is an artifact to build: an item of spec.artifacts, with the captures
// of spec.pathPattern filled in.
type request struct {
	swapi.OutputArtifact
	index  int
	labels map[string]string
}

// Generate builds the artifacts of an ArtifactGenerator as source-watcher does:
// one after the other, until the first that cannot be built. What is listed
// after that one keeps what it has in the cluster.
func Generate(ctx context.Context, g Generator) Generation {
	var spec swapi.ArtifactGenerator
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(g.Object.Object, &spec); err != nil {
		f := refusal(g.Object, ReasonGenerator, swapi.ValidationFailedReason, err.Error())
		return Generation{Failure: f.at("/spec", "")}
	}
	if f := g.validate(&spec); f != nil {
		return Generation{Failure: f}
	}
	sources, ws, f := g.fetch(ctx, &spec)
	if f != nil {
		return Generation{Failure: f}
	}
	requests, err := expand(&spec, ws)
	if err != nil {
		f := refusal(g.Object, ReasonGenerator, "BuildFailed", "failed to expand path pattern: "+err.Error())
		return Generation{Failure: f.at("/spec/pathPattern", "")}
	}
	var out Generation
	for _, r := range requests {
		a, err := r.build(ctx, ws)
		if err != nil {
			f := refusal(g.Object, ReasonGenerator, "BuildFailed", fmt.Sprintf("%s build failed: %s", r.Name, err))
			var limit *limitError
			f.Unknown = errors.As(err, &limit)
			out.Failure = f.at(fmt.Sprintf("/spec/artifacts/%d%s", r.index, copyPointer(err)), "")
			return out
		}
		r.revise(&a, sources)
		out.Artifacts = append(out.Artifacts, Generated{Name: r.Name, Index: r.index, Labels: r.labels, Artifact: a})
		if _, shadows := sources[r.Name]; shadows {
			out.Problems = append(out.Problems, g.shadow(r))
		}
	}
	return out
}

// shadow is the problem of an artifact that is named after an alias:
// source-watcher builds it in the folder of that source.
func (g Generator) shadow(r request) finding.Problem {
	return finding.Problem{
		Reason: ReasonAliasShadow, Object: refOf(g.Object),
		Field:   fmt.Sprintf("/spec/artifacts/%d/name", r.index),
		Message: fmt.Sprintf("artifact %q has the name of a source alias and so holds the whole source", r.Name),
		Hint:    "rename the alias or the artifact",
	}
}

// validate is what source-watcher refuses before it reads any source.
func (g Generator) validate(spec *swapi.ArtifactGenerator) *Failure {
	invalid := func(pointer, condition, format string, args ...any) *Failure {
		return refusal(g.Object, ReasonGenerator, condition, fmt.Sprintf(format, args...)).at(pointer, "")
	}
	aliases := map[string]bool{}
	for i, src := range spec.Spec.Sources {
		pointer := fmt.Sprintf("/spec/sources/%d", i)
		if aliases[src.Alias] {
			return invalid(pointer+"/alias", swapi.ValidationFailedReason, "duplicate source alias '%s' found", src.Alias)
		}
		aliases[src.Alias] = true
		if g.Lockdown && src.Namespace != "" && src.Namespace != g.Object.GetNamespace() {
			return invalid(pointer+"/namespace", swapi.AccessDeniedReason,
				"cross-namespace reference to source %s/%s/%s is not allowed", src.Kind, src.Namespace, src.Name)
		}
	}
	names := map[string]bool{}
	for i, a := range spec.Spec.OutputArtifacts {
		pointer := fmt.Sprintf("/spec/artifacts/%d", i)
		if names[a.Name] {
			return invalid(pointer+"/name", swapi.ValidationFailedReason, "duplicate artifact name '%s' found", a.Name)
		}
		names[a.Name] = true
		if errs := apivalidation.NameIsDNSSubdomain(a.Name, false); spec.Spec.PathPattern == "" && len(errs) > 0 {
			return invalid(pointer+"/name", swapi.ValidationFailedReason,
				"artifact name %q is not a valid Kubernetes object name: %s", a.Name, strings.Join(errs, "; "))
		}
		if alias := strings.TrimPrefix(a.Revision, "@"); alias != "" && !aliases[alias] {
			return invalid(pointer+"/revision", swapi.ValidationFailedReason,
				"artifact %s revision source alias '%s' not found", a.Name, alias)
		}
	}
	return nil
}

// SourceRefs are the sources of an ArtifactGenerator in the order of spec.sources.
func SourceRefs(generator *unstructured.Unstructured) []finding.Ref {
	items, _, _ := unstructured.NestedSlice(generator.Object, "spec", "sources")
	out := make([]finding.Ref, 0, len(items))
	for _, item := range items {
		m, _ := item.(map[string]any)
		get := func(key string) string { v, _ := m[key].(string); return v }
		out = append(out, finding.Ref{Group: Group, Kind: get("kind"), Name: get("name"),
			Namespace: cmp.Or(get("namespace"), generator.GetNamespace())})
	}
	return out
}

// fetch resolves the sources and lays them out.
func (g Generator) fetch(ctx context.Context, spec *swapi.ArtifactGenerator) (map[string]Artifact, workspace, *Failure) {
	artifacts, ws := map[string]Artifact{}, workspace{}
	for i, ref := range SourceRefs(g.Object) {
		pointer := fmt.Sprintf("/spec/sources/%d", i)
		a, f := g.Artifact(ctx, ref)
		if f != nil {
			return nil, nil, g.sourceFailure(ref, f, pointer)
		}
		files := a.Files
		if a.Blob != nil {
			unpacked, err := unpack(a.Blob)
			if err != nil {
				f := refusal(g.Object, ReasonGenerator, swapi.SourceFetchFailedReason, "fetch sources failed: "+err.Error())
				return nil, nil, f.at(pointer, "")
			}
			files = unpacked
		}
		alias := spec.Spec.Sources[i].Alias
		artifacts[alias], ws[alias] = a, newStage(files)
	}
	return artifacts, ws, nil
}

// sourceFailure says about a generator what keeps one of its sources.
func (g Generator) sourceFailure(ref finding.Ref, cause *Failure, pointer string) *Failure {
	if cause.Unknown {
		return cause
	}
	message := fmt.Sprintf("get sources failed: source '%s' is not ready", ref)
	if cause.Reason == ReasonNotFound {
		message = "get sources failed: " + NotFound(ref).Message
	}
	f := refusal(g.Object, cmp.Or(cause.Reason, ReasonGenerator), swapi.SourceFetchFailedReason, message).at(pointer, cause.Hint)
	f.Related = append(f.Related, finding.Related{Pos: cause.Pos, Message: ref.String() + ": " + cause.Message})
	return f
}

// build copies and archives one artifact.
func (r request) build(ctx context.Context, ws workspace) (Artifact, error) {
	st := ws[r.Name]
	if st == nil {
		st = newStage(nil)
		ws[r.Name] = st
	}
	for i, op := range r.Copy {
		if err := ctx.Err(); err != nil {
			return Artifact{}, err
		}
		c := copying{CopyOperation: op, to: st}
		if err := c.run(ws); err != nil {
			return Artifact{}, &copyError{index: i, err: fmt.Errorf(
				"failed to apply copy operations: failed to apply copy operation from '%s' to '%s': %w", op.From, op.To, err)}
		}
	}
	files := st.list()
	nodes := make([]node, len(files))
	byPath := make(map[string]File, len(files))
	for i, f := range files {
		nodes[i] = node{path: f.Path}
		byPath[f.Path] = f
	}
	m := archiveMatcher(nil)
	var keep []File
	keptNodes := kept(nodes, m)
	for _, n := range keptNodes {
		keep = append(keep, byPath[n.path])
	}
	b := digested(keep, emptied(nodes, keptNodes, m)...)
	return Artifact{Revision: "latest@" + b.digest, Digest: b.digest, Files: b.files, Folders: b.folders}, b.err
}

// revise sets the revisions that the item takes from its sources.
func (r request) revise(a *Artifact, sources map[string]Artifact) {
	if src, ok := sources[strings.TrimPrefix(r.Revision, "@")]; ok && r.Revision != "" {
		a.Revision = src.Revision
	}
	if src, ok := sources[strings.TrimPrefix(r.OriginRevision, "@")]; ok && r.OriginRevision != "" {
		a.OriginRevision = cmp.Or(src.OriginRevision, src.Revision)
	}
}

// copyError is an error of one copy operation.
type copyError struct {
	index int
	err   error
}

// Error implements error.
func (e *copyError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *copyError) Unwrap() error { return e.err }

func copyPointer(err error) string {
	if e, ok := err.(*copyError); ok {
		return fmt.Sprintf("/copy/%d", e.index)
	}
	return ""
}
