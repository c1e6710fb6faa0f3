// Package inputprovider computes what a ResourceSetInputProvider exports: the
// inputs from which ResourceSets render. Those of the type Static follow from
// the object; what a service would answer comes from a recording.
package inputprovider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// The group and kind of the objects.
const (
	Group = "fluxcd.controlplane.io"
	Kind  = "ResourceSetInputProvider"
)

// The types that export inputs without asking a service.
const typeStatic = "Static"

// types are the values of spec.type.
var types = []string{
	typeStatic, "ExternalService", "ExternalArtifact",
	"GitHubBranch", "GitHubTag", "GitHubPullRequest",
	"GitLabBranch", "GitLabTag", "GitLabMergeRequest", "GitLabEnvironment",
	"AzureDevOpsBranch", "AzureDevOpsTag", "AzureDevOpsPullRequest",
	"AWSCodeCommitBranch", "AWSCodeCommitTag", "AWSCodeCommitPullRequest",
	"GiteaBranch", "GiteaTag", "GiteaPullRequest",
	"OCIArtifactTag", "ACRArtifactTag", "ECRArtifactTag", "GARArtifactTag",
}

// urlless are the types that ask nobody outside the cluster.
var urlless = []string{typeStatic, "ExternalArtifact"}

// Options says what is known besides the objects.
type Options struct {
	// Recorded are input providers as a cluster holds them: the inputs are in
	// status.exportedInputs.
	Recorded []*unstructured.Unstructured
}

// Renderer renders ResourceSetInputProvider objects, which apply nothing.
type Renderer struct {
	recorded map[finding.Ref]*unstructured.Unstructured
}

// New returns a Renderer.
func New(o Options) *Renderer {
	r := &Renderer{recorded: map[finding.Ref]*unstructured.Unstructured{}}
	for _, u := range o.Recorded {
		r.recorded[render.RefOf(u)] = u
	}
	return r
}

// Kinds implements render.Renderer.
func (*Renderer) Kinds() []schema.GroupKind { return []schema.GroupKind{{Group: Group, Kind: Kind}} }

// Needs implements render.Renderer: an input provider needs nothing that is applied.
func (*Renderer) Needs(*render.Object, render.Settings) []render.Need { return nil }

// Render implements render.Renderer: it says whether the inputs are known.
func (r *Renderer) Render(_ context.Context, in render.Input) render.Result {
	if Paused(in.Object) {
		return render.Result{State: render.Suspended, Reason: "reconcile-disabled"}
	}
	inputs, failure := r.Inputs(in.Object.Unstructured)
	if failure == nil {
		return render.Result{State: render.Rendered, Ready: render.Condition{
			Status: "True", Reason: "ReconciliationSucceeded", Message: fmt.Sprintf("exported %d inputs", len(inputs)),
		}}
	}
	p := failure.Problem
	p.Object, p.Pos = in.Object.Ref(), in.Object.At(p.Field)
	res := render.Result{State: render.Failed, Reason: p.Reason, Problems: []finding.Problem{p}}
	if failure.Unknown {
		res.State = render.Unknown
		return res
	}
	res.Ready = render.Condition{Status: "False", Reason: "ReconciliationFailed", Message: p.Message}
	return res
}

// Failure says why the inputs of a provider are not to be had. Unknown means
// that a service would have to be asked.
type Failure struct {
	finding.Problem
	Unknown bool
}

// Inputs returns what the provider exports, each input with its id.
func (r *Renderer) Inputs(u *unstructured.Unstructured) ([]map[string]any, *Failure) {
	spec, _ := u.Object["spec"].(map[string]any)
	kind, _ := spec["type"].(string)
	url, _ := spec["url"].(string)
	switch {
	case !slices.Contains(types, kind):
		return nil, refused(finding.Problem{Reason: "input-provider-type", Field: "/spec/type", Message: fmt.Sprintf("%q is no type of input provider", kind)})
	case slices.Contains(urlless, kind) && url != "":
		return nil, refused(finding.Problem{Reason: "input-provider-url", Field: "/spec/url", Message: fmt.Sprintf("an input provider of the type %s has no url", kind)})
	case !slices.Contains(urlless, kind) && url == "":
		return nil, refused(finding.Problem{Reason: "input-provider-url", Field: "/spec", Message: fmt.Sprintf("an input provider of the type %s needs a url", kind)})
	}
	if _, ok := spec["defaultValues"].(map[string]any); !ok && spec["defaultValues"] != nil {
		return nil, refused(finding.Problem{Reason: "inputs-invalid", Field: "/spec/defaultValues", Message: "the default values are no mapping"})
	}
	if kind == typeStatic {
		return []map[string]any{static(u, spec)}, nil
	}
	return r.replayed(u, spec)
}

func refused(p finding.Problem) *Failure { return &Failure{Problem: p} }

// static is the one input of a static provider. The id that the operator
// computes follows from what only the cluster knows; this one is as stable.
func static(u *unstructured.Unstructured, spec map[string]any) map[string]any {
	out := map[string]any{"id": ID(render.RefOf(u).String())}
	defaults, _ := spec["defaultValues"].(map[string]any)
	for k, v := range defaults {
		out[k] = v
	}
	return out
}

// Paused reports whether an annotation keeps the Flux Operator from looking at
// one of its objects.
func Paused(o *render.Object) bool {
	return strings.EqualFold(o.GetAnnotations()[Group+"/reconcile"], "disabled")
}
