package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/schemas"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// A replay that starts from what another cluster holds, read with all its
// metadata, goes on where that cluster is: the same revision changes nothing.
func TestLiveClusterIsTakenUp(t *testing.T) {
	first := server(t)
	o := fleetOptions(t, first)
	before := run(t, o)
	dump := everything(t, first)
	o = fleetOptions(t, server(t))
	o.Live = dump
	after := run(t, o)

	wantOwners(t, before, after)
	for _, n := range after.Notes {
		if strings.Contains(n, "left out") {
			t.Error(n)
		}
	}
	for _, c := range after.Changes {
		if c.Action != diff.Unchanged && c.Action != diff.Skip && c.Action != diff.Fail {
			t.Errorf("%s by %s: %s %v", c.Object, c.Owner, c.Action, c.Fields)
		}
	}
}

// wantOwners wants every Flux object in the state that it had in the other cluster.
func wantOwners(t *testing.T, before, after simulate.Step) {
	t.Helper()
	was := map[string]simulate.Owner{}
	for _, o := range before.Owners {
		was[o.Ref.String()] = o
	}
	for _, o := range after.Owners {
		b := was[o.Ref.String()]
		if o.Ready != b.Ready || strings.Join(o.History, " ") != strings.Join(b.History, " ") || strings.Join(o.Inventory, " ") != strings.Join(b.Inventory, " ") {
			t.Errorf("%s is %v %v %v, was %v %v %v", o.Ref, o.Ready, o.History, o.Inventory, b.Ready, b.History, b.Inventory)
		}
	}
	if len(after.Owners) != len(before.Owners) {
		t.Errorf("%d owners, were %d", len(after.Owners), len(before.Owners))
	}
}

func run(t *testing.T, o simulate.Options) simulate.Step {
	t.Helper()
	result, err := simulate.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return result.Steps[0]
}

// fleetOptions replay the production cluster of the sample fleet.
func fleetOptions(t *testing.T, config *rest.Config) simulate.Options {
	t.Helper()
	tree, err := repo.Folder(filepath.Join("..", "..", "fixtures", "fleet", "base"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := tree.Entries(repo.EntryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var entry repo.Entry
	for _, e := range entries {
		if e.Name == "production" {
			entry = e
		}
	}
	if len(entry.Overlay) > 0 {
		tree = tree.Overlay(entry.Overlay)
	}
	set := source.New(source.Options{Tree: tree, Self: entry.Source, Workdir: t.TempDir(), Revision: commits["base"]})
	catalog, err := schemas.New(schemas.Options{KubeVersion: render.DefaultSettings().KubeVersion})
	if err != nil {
		t.Fatal(err)
	}
	return simulate.Options{
		Config: config, FluxCRDs: catalog.FluxCRDs(), Releases: releases.New(), Emulate: simulate.RealCluster(),
		Steps: []simulate.StepInput{{
			Name: "base", Entry: entry, Sources: set, Settings: render.DefaultSettings(),
			Renderers: []render.Renderer{kustomization.New(kustomization.Options{Dir: set.Dir}), helmrelease.New(helmrelease.Options{})},
		}},
	}
}

// everything is what a server holds, read as a user would.
func everything(t *testing.T, config *rest.Config) []*unstructured.Unstructured {
	t.Helper()
	dc, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := dc.ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	var out []*unstructured.Unstructured
	for _, g := range groups {
		gv, err := schema.ParseGroupVersion(g.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range g.APIResources {
			if r.Kind == "ComponentStatus" {
				continue
			}
			list, err := client.Resource(gv.WithResource(r.Name)).List(context.Background(), metav1.ListOptions{})
			if err != nil {
				continue // what can only be created
			}
			for i := range list.Items {
				out = append(out, &list.Items[i])
			}
		}
	}
	return out
}
