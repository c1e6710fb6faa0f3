package release

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// recorded are the cases in which only releases matter, so that they can be
// played without the rest of Flux.
var recorded = []struct {
	name, reason string
	leaveOut     string // the release that the case needs the rest of Flux for, or that is a race
	raced        string // the release whose events depend on when other objects arrive
}{
	{name: "helm-adopt", reason: "ownership of existing objects"},
	{name: "helm-drift", reason: "drift detection"},
	{name: "helm-hooks", reason: "hooks and their deletion"},
	{name: "helm-install-retry-strategy", reason: "retry instead of remediation", raced: "waits-for-crd"},
	{name: "helm-same-release-name", reason: "two objects with one release"},
	{name: "helm-template-errors", reason: "texts of failures", leaveOut: "foreign"},  // the owner of its object is another case
	{name: "helm-test", reason: "tests and what follows from them", leaveOut: "slow"}, // a race with a time limit
	{name: "helm-upgrade-immutable", reason: "failed upgrades and their remediation"},
	{name: "helm-values", reason: "composition of values"},
}

func TestRecordedCases(t *testing.T) {
	root := beside.Folder(t, "conformance", "cases")
	for _, c := range recorded {
		t.Run(c.name, func(t *testing.T) {
			s := &stage{t: t, play: newStagePlay(t), dir: filepath.Join(root, c.name), leaveOut: c.leaveOut, raced: c.raced, objects: map[string]*unstructured.Unstructured{}}
			s.wipe()
			s.run("base", "repo", "cluster")
			if _, err := os.Stat(filepath.Join(s.dir, "expect", "head")); err == nil {
				s.deleteForHead()
				s.run("head", "head", "cluster-head")
			}
		})
	}
}

// stage plays one recorded case.
type stage struct {
	*play
	t        *testing.T
	dir      string
	leaveOut string
	raced    string
	objects  map[string]*unstructured.Unstructured // HelmReleases by name
}

func newStagePlay(t *testing.T) *play {
	t.Helper()
	c, err := client.New(plane.Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &play{t: t, config: plane.Config(), client: c, namespace: "default"}
}

// wipe removes what other cases left in the namespace.
func (s *stage) wipe() {
	s.t.Helper()
	for _, k := range []schema.GroupVersionKind{
		{Version: "v1", Kind: "ConfigMap"}, {Version: "v1", Kind: "Secret"}, {Version: "v1", Kind: "Service"},
		{Group: "apps", Version: "v1", Kind: "Deployment"}, {Group: "batch", Version: "v1", Kind: "Job"},
	} {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(k)
		if err := s.client.DeleteAllOf(s.t.Context(), u, client.InNamespace("default")); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *stage) run(step, tree, cluster string) {
	s.t.Helper()
	for _, u := range s.documents(cluster) {
		s.put(u, "kubectl-edit")
	}
	if documents := s.documents(tree); len(documents) > 0 {
		s.take(documents)
	}
	want := s.record(step)
	names := make([]string, 0, len(s.objects))
	for name := range s.objects {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name == s.leaveOut {
			continue
		}
		s.t.Run(step+"/"+name, func(t *testing.T) {
			want, have := want[name], s.reconcileToTheEnd(t, name)
			if name == s.raced {
				want.Events, have.Events = nil, nil
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("outcome (-recorded +have):\n%s", diff)
			}
		})
	}
}

// take applies what is not Flux's and notes the HelmReleases.
func (s *stage) take(documents []*unstructured.Unstructured) {
	s.t.Helper()
	for _, u := range documents {
		switch {
		case u.GetKind() == "HelmRelease":
			old := s.objects[u.GetName()]
			u.SetGeneration(1)
			if old != nil {
				u.Object["status"] = old.Object["status"]
				u.SetGeneration(old.GetGeneration())
				if !cmp.Equal(old.Object["spec"], u.Object["spec"]) {
					u.SetGeneration(old.GetGeneration() + 1)
				}
			}
			s.objects[u.GetName()] = u
		case !strings.Contains(u.GetAPIVersion(), "toolkit.fluxcd.io") && u.GetKind() != "Kustomization":
			s.put(u, "kustomize-controller")
		}
	}
}

func (s *stage) put(u *unstructured.Unstructured, manager string) {
	s.t.Helper()
	if m := u.GetAnnotations()["oracle.test/manager"]; m != "" {
		manager = m
	}
	if err := s.client.Apply(s.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(manager), client.ForceOwnership); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) reconcileToTheEnd(t *testing.T, name string) outcome {
	t.Helper()
	s.play.object = s.objects[name]
	var have outcome
	var events []string
	for range 4 {
		prepared, failed := helmrelease.Prepare(t.Context(), render.Input{
			Object: &render.Object{Unstructured: s.play.object}, Settings: render.DefaultSettings(), Cluster: s, Sources: s,
		})
		if failed != nil {
			t.Fatalf("the chart is not prepared: %+v", failed)
		}
		got := s.keep(Reconcile(t.Context(), Request{Config: s.config, Object: s.play.object, Settings: render.DefaultSettings(), Prepared: prepared}))
		ready := got.Ready()
		have = outcome{Ready: ready.Status + " " + ready.Reason + ": " + ready.Message, History: got.History(), Inventory: got.Inventory()}
		for _, c := range got.Conditions() {
			have.Conditions = append(have.Conditions, c.Type+"="+c.Status+" "+c.Reason)
		}
		for _, e := range got.Events {
			events = append(events, e.Type+" "+e.Reason+": "+e.Message)
		}
		if got.Next != AtOnce && got.Next != Anew {
			break
		}
	}
	slices.Sort(events)
	have.Events = events
	return have
}

func (s *stage) record(step string) map[string]outcome {
	s.t.Helper()
	var file struct {
		Objects []struct {
			Kind, Name                     string
			Ready                          struct{ Status, Reason, Message string }
			Conditions, History, Inventory []string
		}
	}
	data, err := os.ReadFile(filepath.Join(s.dir, "expect", step, "flux.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		s.t.Fatal(err)
	}
	out := map[string]outcome{}
	for _, o := range file.Objects {
		if o.Kind == "HelmRelease" {
			out[o.Name] = outcome{Ready: o.Ready.Status + " " + o.Ready.Reason + ": " + o.Ready.Message,
				Conditions: o.Conditions, History: o.History, Inventory: o.Inventory}
		}
	}
	s.recordEvents(step, out)
	return out
}

// recordEvents adds the events that are about releases, sorted.
func (s *stage) recordEvents(step string, out map[string]outcome) {
	s.t.Helper()
	var file []struct{ Object, Type, Reason, Message string }
	data, err := os.ReadFile(filepath.Join(s.dir, "expect", step, "events.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		s.t.Fatal(err)
	}
	for _, e := range file {
		name, ok := strings.CutPrefix(e.Object, "HelmRelease/default/")
		if !ok || e.Reason == "HelmChartCreated" {
			continue
		}
		o := out[name]
		o.Events = append(o.Events, e.Type+" "+e.Reason+": "+e.Message)
		slices.Sort(o.Events)
		out[name] = o
	}
}

func (s *stage) deleteForHead() {
	s.t.Helper()
	var settings struct {
		HeadDelete []map[string]string `yaml:"headDelete"`
	}
	data, err := os.ReadFile(filepath.Join(s.dir, "case.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &settings); err != nil {
		s.t.Fatal(err)
	}
	for _, d := range settings.HeadDelete {
		u := &unstructured.Unstructured{}
		u.SetAPIVersion(d["apiVersion"])
		u.SetKind(d["kind"])
		u.SetNamespace(d["namespace"])
		u.SetName(d["name"])
		if err := s.client.Delete(s.t.Context(), u); err != nil {
			s.t.Fatal(err)
		}
	}
}

// documents are the objects of a folder of the case.
func (s *stage) documents(folder string) []*unstructured.Unstructured {
	s.t.Helper()
	var out []*unstructured.Unstructured
	err := filepath.WalkDir(filepath.Join(s.dir, folder), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && (d.IsDir() || filepath.Ext(path) != ".yaml" || d.Name() == "kustomization.yaml") {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for documents := yaml.NewDecoder(bytes.NewReader(data)); ; {
			var node yaml.Node
			if err := documents.Decode(&node); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			text, err := yaml.Marshal(&node)
			if err != nil {
				return err
			}
			u := &unstructured.Unstructured{}
			if err := sigsyaml.Unmarshal(text, &u.Object); err != nil {
				return err
			}
			if u.GetKind() != "" {
				out = append(out, u)
			}
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *stage) Artifact(ctx context.Context, ref finding.Ref) (source.Artifact, *source.Failure) {
	return world{}.Artifact(ctx, ref)
}

func (s *stage) Chart(_ context.Context, _ finding.Ref, name, _ string) (source.Chart, *source.Failure) {
	root := filepath.Join(s.dir, "charts", name)
	out := source.Chart{Name: name, Version: "1.0.0"}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		out.Files = append(out.Files, source.File{Path: filepath.ToSlash(rel), Data: data})
		return err
	})
	if err != nil {
		return out, &source.Failure{Problem: finding.Problem{Reason: "none", Message: err.Error()}}
	}
	return out, nil
}

func (s *stage) Get(ctx context.Context, ref finding.Ref) (*unstructured.Unstructured, render.Presence) {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: ref.Group, Version: "v1", Kind: ref.Kind})
	if err := s.client.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, u); err != nil {
		return nil, render.Absent
	}
	return u, render.Present
}

func (s *stage) List(context.Context, schema.GroupVersionKind, string) []*unstructured.Unstructured {
	return nil
}

func (s *stage) Capabilities(context.Context) render.Capabilities { return render.Capabilities{} }
