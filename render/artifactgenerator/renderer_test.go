package artifactgenerator

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// sources gives one artifact under the reference fleet.
type sources struct {
	files   []source.File
	failure *source.Failure
}

var fleet = finding.Ref{Group: source.Group, Kind: "GitRepository", Namespace: "flux-system", Name: "flux-system"}

func (s sources) Artifact(_ context.Context, ref finding.Ref) (source.Artifact, *source.Failure) {
	if ref != fleet {
		return source.Artifact{}, source.NotFound(ref)
	}
	return source.Artifact{Revision: "main@sha1:c0ffee", Digest: "sha256:1", Files: s.files}, s.failure
}

func (sources) Chart(_ context.Context, ref finding.Ref, _, _ string) (source.Chart, *source.Failure) {
	return source.Chart{}, source.NotFound(ref)
}

// generatorIn is the first ArtifactGenerator of a tree.
func generatorIn(t *testing.T, tree *repo.Tree, file string) *render.Object {
	t.Helper()
	f := tree.File(file)
	if f == nil {
		t.Fatalf("%s is absent", file)
	}
	for _, d := range f.Documents() {
		if ref, ok := d.Ref(); ok && ref.Kind == "ArtifactGenerator" {
			m, err := d.Map()
			if err != nil {
				t.Fatal(err)
			}
			return &render.Object{Unstructured: &unstructured.Unstructured{Object: m}, Origin: render.Origin{Doc: d}}
		}
	}
	t.Fatalf("%s holds no ArtifactGenerator", file)
	return nil
}

const generator = `apiVersion: source.extensions.fluxcd.io/v1beta1
kind: ArtifactGenerator
metadata:
  name: gen
  namespace: flux-system
spec:
  commonMetadata:
    labels: {team: a, app.kubernetes.io/managed-by: me}
    annotations: {note: b}
  sources:
  - {alias: git, kind: GitRepository, name: flux-system}
  artifacts:
  - name: one
    copy:
    - {from: "@git/a.yaml", to: "@artifact/"}
  - name: two
    copy:
    - {from: "@git/a.yaml", to: "@artifact/"}
    - {from: "@git/gone/**", to: "@artifact/"}
  - name: three
    copy:
    - {from: "@git/a.yaml", to: "@artifact/"}
`

func renderText(t *testing.T, text string, failure *source.Failure) render.Result {
	t.Helper()
	obj := generatorIn(t, repo.FromFiles(map[string]string{"gen.yaml": text}), "gen.yaml")
	return New().Render(context.Background(), render.Input{Object: obj, Sources: sources{files: []source.File{{Path: "a.yaml", Data: []byte("a")}}, failure: failure}})
}

func TestRenderPartialFailure(t *testing.T) {
	res := renderText(t, generator, nil)
	if res.State != render.Failed || res.Ready.Status != "False" || res.Ready.Reason != "BuildFailed" || !strings.HasPrefix(res.Ready.Message, "two build failed: ") {
		t.Errorf("%s %+v", res.State, res.Ready)
	}
	if len(res.Applies) != 1 || len(res.Artifacts) != 1 {
		t.Fatalf("%d objects and %d artifacts: want what is listed before the error", len(res.Applies), len(res.Artifacts))
	}
	want := map[string]any{
		"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "ExternalArtifact",
		"metadata": map[string]any{
			"name": "one", "namespace": "flux-system", "annotations": map[string]any{"note": "b"},
			"labels": map[string]any{"team": "a", "app.kubernetes.io/managed-by": "source-watcher"},
		},
		"spec": map[string]any{"sourceRef": map[string]any{
			"apiVersion": "source.extensions.fluxcd.io/v1beta1", "kind": "ArtifactGenerator", "name": "gen", "namespace": "flux-system"}},
	}
	if diff := cmp.Diff(want, res.Applies[0].Object); diff != "" {
		t.Error(diff)
	}
	if got := res.Applies[0].At("/spec"); got.File != "gen.yaml" || got.Line != 13 {
		t.Errorf("the object stands at %s, want the item of spec.artifacts in line 13", got)
	}
	if len(res.Problems) != 1 || res.Problems[0].Pos.Line != 19 {
		t.Errorf("problems %+v, want one at the copy in line 19", res.Problems)
	}
}

func TestRenderStates(t *testing.T) {
	good, _, _ := strings.Cut(generator, "  - name: two")
	missing := &source.Failure{Unknown: true, Problem: finding.Problem{Reason: source.ReasonNotLocal, Object: fleet, Message: "m"}}
	tests := []struct {
		reason, text string
		failure      *source.Failure
		state        render.State
		code         string
		ready        render.Condition
		line         int // of the problem, 0 for none
	}{
		{"all artifacts are built", good, nil, render.Rendered, "",
			render.Condition{Status: "True", Reason: "Succeeded", Message: "reconciliation succeeded, generated 1 artifact(s)"}, 0},
		{"a source that is not at hand", good, missing, render.Unknown, source.ReasonNotLocal, render.Condition{}, 11},
		{"a source that does not exist", strings.Replace(good, "name: flux-system}", "name: absent}", 1), nil, render.Failed, source.ReasonNotFound,
			render.Condition{Status: "False", Reason: "SourceFetchFailed", Message: `get sources failed: GitRepository.source.toolkit.fluxcd.io "absent" not found`}, 11},
		{"paused by annotation", strings.Replace(good, "  name: gen\n", "  name: gen\n  annotations: {source.extensions.fluxcd.io/reconcile: Disabled}\n", 1), nil,
			render.Suspended, "reconcile-disabled", render.Condition{}, 0},
	}
	for _, tt := range tests {
		res := renderText(t, tt.text, tt.failure)
		if res.State != tt.state || res.Reason != tt.code {
			t.Errorf("%s: %s %q, want %s %q", tt.reason, res.State, res.Reason, tt.state, tt.code)
		}
		if diff := cmp.Diff(tt.ready, res.Ready); diff != "" {
			t.Errorf("%s:\n%s", tt.reason, diff)
		}
		switch {
		case tt.line == 0 && len(res.Problems) > 0:
			t.Errorf("%s: problems %+v", tt.reason, res.Problems)
		case tt.line > 0 && (len(res.Problems) != 1 || res.Problems[0].Pos.Line != tt.line):
			t.Errorf("%s: problems %+v, want one in line %d", tt.reason, res.Problems, tt.line)
		}
	}
}

func TestNeeds(t *testing.T) {
	obj := generatorIn(t, repo.FromFiles(map[string]string{"gen.yaml": generator}), "gen.yaml")
	want := []render.Need{{Kind: render.NeedSource, Ref: fleet, Field: "/spec/sources/0"}}
	if diff := cmp.Diff(want, New().Needs(obj, render.DefaultSettings())); diff != "" {
		t.Error(diff)
	}
}

// The official example composes its artifacts from one repository.
func TestCorpusExample(t *testing.T) {
	dir, err := filepath.Abs("../../../shared/corpora/flux2-kustomize-helm-example/repo")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("skipped: the folder ../shared/corpora is absent")
	}
	tree, err := repo.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	set := source.New(source.Options{Tree: tree, Self: fleet})
	self := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"url": "https://h/x", "ref": map[string]any{"branch": "main"}}}}
	self.SetAPIVersion("source.toolkit.fluxcd.io/v1")
	self.SetKind("GitRepository")
	self.SetNamespace("flux-system")
	self.SetName("flux-system")
	a, f := set.Artifact(context.Background(), self, nil)
	if f != nil {
		t.Fatal(f.Message)
	}
	for _, cluster := range []string{"staging", "production"} {
		gen := generatorIn(t, tree, "clusters/"+cluster+"/artifacts.yaml")
		res := New().Render(context.Background(), render.Input{Object: gen, Sources: sources{files: a.Files}})
		if res.State != render.Rendered || len(res.Applies) != 2 {
			t.Fatalf("%s: %s with %d objects: %+v", cluster, res.State, len(res.Applies), res.Problems)
		}
		for name, want := range map[string][]string{"apps": {"base", cluster}, "infrastructure": {"configs", "controllers"}} {
			art := res.Artifacts[finding.Ref{Group: source.Group, Kind: "ExternalArtifact", Namespace: "flux-system", Name: name}]
			if diff := cmp.Diff(want, topLevel(art)); diff != "" {
				t.Errorf("%s/%s:\n%s", cluster, name, diff)
			}
			if !strings.HasPrefix(art.Revision, "latest@sha256:") || !strings.HasPrefix(art.OriginRevision, "main@sha1:") && art.OriginRevision != "main@sha1:c0ffee" {
				t.Errorf("%s/%s: revision %q of %q", cluster, name, art.Revision, art.OriginRevision)
			}
			if art.Files[0].Origin == nil {
				t.Errorf("%s/%s: %s has no origin", cluster, name, art.Files[0].Path)
			}
		}
	}
}

func topLevel(a source.Artifact) []string {
	var out []string
	for _, f := range a.Files {
		top, _, _ := strings.Cut(f.Path, "/")
		if !slices.Contains(out, top) {
			out = append(out, top)
		}
	}
	slices.Sort(out)
	return out
}
