package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	helm "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// A HelmRelease of a dump goes on with the release that the dump holds, whichever
// Helm has stored it.
func TestReleasesOfDump(t *testing.T) {
	base := map[string]string{
		"chart/Chart.yaml": "{apiVersion: v2, name: app, version: 1.0.0}", "chart/values.yaml": "{label: app, image: 'app:1'}", "chart/templates/all.yaml": chart,
		"clusters/releases.yaml": child("releases", ""), "releases/app.yaml": ofChart("app", "", "name: app"),
	}
	head := maps.Clone(base)
	head["releases/app.yaml"] = ofChart("app", "", "name: app, image: 'app:2'")
	first := server(t)
	replay(t, first, simulate.Options{Emulate: simulate.RealCluster(), Releases: releases.New()}, base)
	dump := everything(t, first)
	const upgraded = "Deployment/default/app update /spec/template/spec/containers/0/image changed"
	for _, c := range []struct {
		why                   string
		edit                  []func(*testing.T, *unstructured.Unstructured)
		history, then, change []string
		events                []string
	}{
		{why: "as it was", history: []string{"v1 deployed"}, then: []string{"v2 deployed", "v1 superseded"}},
		{why: "as kubectl prints it", edit: list(unmanaged), history: []string{"v1 deployed"}, then: []string{"v2 deployed", "v1 superseded"}},
		{why: "stored by Helm 3, under an older Flux", edit: list(helm3, patched, otherDigest), history: []string{"v1 deployed"}, then: []string{"v2 deployed", "v1 superseded"}},
		{why: "stored by Helm 3, as kubectl prints it", edit: list(helm3, unmanaged, otherDigest), history: []string{"v1 deployed"}, then: []string{"v2 deployed", "v1 superseded"}},
		{why: "without status, Flux takes the release for somebody else's and upgrades it", edit: list(helm3, unmanaged, withoutStatus),
			history: []string{"v2 deployed"}, then: []string{"v3 deployed", "v2 superseded"}, events: []string{"UpgradeSucceeded"}},
	} {
		var live []*unstructured.Unstructured
		for _, u := range dump {
			u = u.DeepCopy()
			for _, edit := range c.edit {
				edit(t, u)
			}
			live = append(live, u)
		}
		all := played(t, simulate.Options{Releases: releases.New(), Live: live}, base, head).Steps
		if d := cmp.Diff(c.history, historyOf(all[0], "app")); d != "" {
			t.Errorf("%s: history (-want +got):\n%s", c.why, d)
		}
		if d := cmp.Diff(c.then, historyOf(all[1], "app")); d != "" {
			t.Errorf("%s: history after head (-want +got):\n%s", c.why, d)
		}
		if d := cmp.Diff(c.events, eventsOf(all[0], "app")); d != "" {
			t.Errorf("%s: events (-want +got):\n%s", c.why, d)
		}
		for _, got := range all[0].Changes {
			if got.Action != diff.Unchanged && got.Action != diff.Skip {
				t.Errorf("%s: %s %s %v", c.why, got.Object, got.Action, got.Fields)
			}
		}
		if !slices.Contains(changesIn(all[1], "default"), upgraded) {
			t.Errorf("%s: head does %v", c.why, changesIn(all[1], "default"))
		}
		for _, n := range slices.Concat(all[0].Notes, all[1].Notes) {
			if strings.Contains(n, "left out") || strings.Contains(n, "not known") {
				t.Errorf("%s: %s", c.why, n)
			}
		}
	}
}

func list(edits ...func(*testing.T, *unstructured.Unstructured)) []func(*testing.T, *unstructured.Unstructured) {
	return edits
}

// historyOf is the release history of a HelmRelease.
func historyOf(s simulate.Step, name string) []string {
	var out []string
	for _, o := range s.Owners {
		if o.Ref.Kind == "HelmRelease" && o.Ref.Name == name {
			for _, h := range o.History {
				h = strings.TrimPrefix(h, "default/"+name+".")
				version, status, _ := strings.Cut(h, " ")
				_, status, _ = strings.Cut(status, "status=")
				out = append(out, version+" "+status)
			}
		}
	}
	return out
}

func eventsOf(s simulate.Step, name string) []string {
	var out []string
	for _, e := range s.Events {
		if e.Object.Kind == "HelmRelease" && e.Object.Name == name {
			out = append(out, e.Reason)
		}
	}
	return out
}

// unmanaged leaves out what kubectl does not print.
func unmanaged(_ *testing.T, u *unstructured.Unstructured) { u.SetManagedFields(nil) }

// patched makes fields those of an update, as Helm 3 does.
func patched(_ *testing.T, u *unstructured.Unstructured) {
	managers := u.GetManagedFields()
	for i := range managers {
		if managers[i].Manager == "helm-controller" && u.GetKind() == "Deployment" {
			managers[i].Operation = metav1.ManagedFieldsOperationUpdate
		}
	}
	u.SetManagedFields(managers)
}

// otherDigest sums the release up as another version of Flux does.
func otherDigest(_ *testing.T, u *unstructured.Unstructured) {
	history, _, _ := unstructured.NestedSlice(u.Object, "status", "history")
	for _, h := range history {
		h.(map[string]any)["digest"] = "sha256:" + strings.Repeat("ab", 32)
	}
	if history != nil {
		_ = unstructured.SetNestedSlice(u.Object, history, "status", "history")
	}
}

func withoutStatus(_ *testing.T, u *unstructured.Unstructured) {
	if u.GetKind() == "HelmRelease" {
		delete(u.Object, "status")
	}
}

// helm3 stores a release as Helm 3 does.
func helm3(t *testing.T, u *unstructured.Unstructured) {
	t.Helper()
	if kind, _, _ := unstructured.NestedString(u.Object, "type"); kind != "helm.sh/release.v1" {
		return
	}
	data, _, _ := unstructured.NestedString(u.Object, "data", "release")
	var rel helm.Release
	if err := json.Unmarshal(unpacked(t, data), &rel); err != nil {
		t.Fatal(err)
	}
	clients := fake.NewClientset()
	if err := driver.NewSecrets(clients.CoreV1().Secrets(rel.Namespace)).Create(u.GetName(), &rel); err != nil {
		t.Fatal(err)
	}
	made, err := clients.CoreV1().Secrets(rel.Namespace).Get(context.Background(), u.GetName(), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(unpacked(t, base64.StdEncoding.EncodeToString(made.Data["release"]))), "apply_method") {
		t.Error("the release is not one of Helm 3")
	}
	_ = unstructured.SetNestedField(u.Object, base64.StdEncoding.EncodeToString(made.Data["release"]), "data", "release")
	u.SetLabels(made.Labels)
}

// unpacked is the release in the data of a Secret.
func unpacked(t *testing.T, data string) []byte {
	t.Helper()
	packed := []byte(data)
	for range 2 {
		out, err := base64.StdEncoding.DecodeString(string(packed))
		if err != nil {
			t.Fatal(err)
		}
		packed = out
	}
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(zip); err != nil {
		t.Fatal(fmt.Errorf("unpack: %w", err))
	}
	return out.Bytes()
}
