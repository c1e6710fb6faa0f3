package repo

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/internal/beside"
)

// found is what a test says of an entry.
type found struct {
	Name, Dir, How, Pos, Root, Source string
	Seeds                             int
	Overlay                           []string
}

func summary(entries []Entry) []found {
	var all []found
	for _, e := range entries {
		f := found{e.Name, e.Dir, e.Found, e.Pos.String(), e.Root.String(), e.Source.String(), len(e.Seeds), nil}
		for name := range e.Overlay {
			f.Overlay = append(f.Overlay, name)
		}
		all = append(all, f)
	}
	return all
}

func gitRepository(name, url string) string {
	return "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: " + name +
		", namespace: flux-system}\nspec: {interval: 1m, url: '" + url + "'}\n---\n"
}

func fluxKustomization(name, path, source string) string {
	return "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: " + name +
		", namespace: flux-system}\nspec: {interval: 1m, path: '" + path + "', sourceRef: {kind: GitRepository, name: " + source + "}}\n---\n"
}

const (
	configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	source    = "GitRepository/flux-system/flux-system"
	root      = "Kustomization/flux-system/flux-system"
	here      = "https://example.com/org/repo"
)

func syncFiles(path string) string {
	return gitRepository("flux-system", here) + fluxKustomization("flux-system", path, "flux-system")
}

const instance = "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux, namespace: flux-system}\n" +
	"spec:\n  sync: {kind: OCIRepository, url: 'oci://example.com/fleet', ref: latest, path: clusters/a}\n"

// entryCases has a row for each way in which a repository describes clusters.
var entryCases = []struct {
	why   string
	files map[string]string
	want  []found
}{
	{"two bootstrapped clusters are two entries", map[string]string{
		"clusters/a/flux-system/gotk-sync.yaml": syncFiles("./clusters/a"),
		"clusters/b/flux-system/gotk-sync.yaml": syncFiles("clusters/b/"),
	}, []found{
		{"a", "clusters/a", FoundSync, "clusters/a/flux-system/gotk-sync.yaml:6:1", root, source, 2, nil},
		{"b", "clusters/b", FoundSync, "clusters/b/flux-system/gotk-sync.yaml:6:1", root, source, 2, nil},
	}},
	{"a shared last folder gives whole folders as names", map[string]string{
		"x/main/flux-system/gotk-sync.yaml": syncFiles("./x/main"),
		"y/main/flux-system/gotk-sync.yaml": syncFiles("./y/main"),
	}, []found{
		{"x/main", "x/main", FoundSync, "x/main/flux-system/gotk-sync.yaml:6:1", root, source, 2, nil},
		{"y/main", "y/main", FoundSync, "y/main/flux-system/gotk-sync.yaml:6:1", root, source, 2, nil},
	}},
	{"the root of the repository is named after its Kustomization", map[string]string{
		"flux-system/gotk-sync.yaml": syncFiles("./"),
	}, []found{{"flux-system", ".", FoundSync, "flux-system/gotk-sync.yaml:6:1", root, source, 2, nil}}},
	{"a tenant that brings its own source is no cluster", map[string]string{
		"clusters/a/flux-system/gotk-sync.yaml": syncFiles("./clusters/a"),
		"clusters/a/tenants.yaml":               fluxKustomization("tenants", "./tenants", "flux-system"),
		"tenants/sync.yaml":                     gitRepository("team", "https://example.com/org/team") + fluxKustomization("team", "./", "team"),
	}, []found{{"a", "clusters/a", FoundSync, "clusters/a/flux-system/gotk-sync.yaml:6:1", root, source, 2, nil}}},
	{"another repository applied as a whole does not swallow a cluster", map[string]string{
		"clusters/a/flux-system/gotk-sync.yaml": syncFiles("./clusters/a"),
		"clusters/a/other.yaml":                 gitRepository("other", "https://example.com/org/other") + fluxKustomization("other", "./", "other"),
		"clusters/b/flux-system/gotk-sync.yaml": syncFiles("./clusters/b"),
	}, []found{
		{"a", "clusters/a", FoundSync, "clusters/a/flux-system/gotk-sync.yaml:6:1", root, source, 2, nil},
		{"b", "clusters/b", FoundSync, "clusters/b/flux-system/gotk-sync.yaml:6:1", root, source, 2, nil},
	}},
	{"an empty gotk-sync.yaml is a placeholder", map[string]string{
		"clusters/a/flux-system/gotk-sync.yaml":     "# made by bootstrap\n---\n",
		"clusters/a/flux-system/kustomization.yaml": "resources: [gotk-components.yaml, gotk-sync.yaml]\n",
	}, []found{{"a", "clusters/a", FoundSync, "clusters/a/flux-system/gotk-sync.yaml", root, source, 2,
		[]string{"clusters/a/flux-system/gotk-sync.yaml"}}}},
	{"a missing gotk-sync.yaml that is listed is one too", map[string]string{
		"clusters/a/flux-system/gotk-components.yaml": "# nothing\n",
		"clusters/a/flux-system/kustomization.yaml":   "resources:\n- gotk-components.yaml\n- gotk-sync.yaml\n",
	}, []found{{"a", "clusters/a", FoundSync, "clusters/a/flux-system/kustomization.yaml:2:1", root, source, 2,
		[]string{"clusters/a/flux-system/gotk-sync.yaml"}}}},
	{"a FluxInstance", map[string]string{"clusters/a/flux.yaml": instance},
		[]found{{"a", "clusters/a", FoundInstance, "clusters/a/flux.yaml:5:3", root, "OCIRepository/flux-system/flux-system", 2, nil}}},
	{"a FluxInstance in the values of a HelmRelease", map[string]string{
		"apps/flux.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: flux-instance, namespace: flux}\n" +
			"spec:\n  values:\n    instance:\n      sync: {name: fleet, url: '" + here + "', path: ./apps}\n",
	}, []found{{"apps", "apps", FoundInstance, "apps/flux.yaml:7:7", "Kustomization/flux/fleet", "GitRepository/flux/fleet", 2, nil}}},
	{"a FluxInstance in a ConfigMap with values", map[string]string{
		"apps/a.yaml": configMap + "data:\n  values.yaml: |\n    # fluxcd.controlplane.io\n    instance:\n      sync:\n        url: " + here + "\n        path: apps\n",
	}, []found{{"apps", "apps", FoundInstance, "apps/a.yaml:5:3", root, source, 2, nil}}},
	{"a root Kustomization that leads to others", map[string]string{
		"flux/root.yaml":    fluxKustomization("root", "./apps", "flux-system"),
		"apps/a/ks.yaml":    fluxKustomization("a", "./apps/a/app", "flux-system"),
		"apps/a/app/a.yaml": configMap,
	}, []found{{"flux", "apps", FoundGraph, "flux/root.yaml:1:1", "Kustomization/flux-system/root", source, 2, nil}}},
	{"several roots in a folder are one cluster", map[string]string{
		"prod/infra.yaml":  gitRepository("flux-system", here) + fluxKustomization("infra", "./infra", "flux-system"),
		"prod/apps.yaml":   fluxKustomization("apps", "./apps", "flux-system"),
		"infra/nginx.yaml": configMap, "apps/web.yaml": configMap,
	}, []found{{"prod", "apps", FoundGraph, "prod/apps.yaml:1:1", "Kustomization/flux-system/apps", source, 3, nil}}},
	{"a patch of a Kustomization is no root", map[string]string{
		"prod/kustomization.yaml": "resources: [../base]\npatches:\n- path: patch.yaml\n",
		"prod/patch.yaml":         fluxKustomization("apps", "./prod", "flux-system"),
		"base/ks.yaml":            fluxKustomization("apps", "./base", "flux-system"),
	}, []found{{"base", "base", FoundGraph, "base/ks.yaml:1:1", "Kustomization/flux-system/apps", source, 2, nil}}},
	{"a folder named like a cluster", map[string]string{
		"clusters/a/kustomization.yaml": "resources: [apps.yaml]\n",
		"clusters/a/apps.yaml":          fluxKustomization("apps", "./apps", "fleet"),
		"clusters/docs/a.yaml":          configMap,
		"apps/web.yaml":                 configMap,
	}, []found{{"a", "clusters/a", FoundDirectory, "clusters/a/kustomization.yaml",
		"Kustomization/flux-system/fleet", "GitRepository/flux-system/fleet", 2, nil}}},
}

func TestEntries(t *testing.T) {
	for _, tt := range entryCases {
		t.Run(tt.why, func(t *testing.T) {
			got, err := FromFiles(tt.files).Entries(EntryOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, summary(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlaceholderRendersItself(t *testing.T) {
	tree := FromFiles(map[string]string{
		"clusters/a/flux-system/gotk-sync.yaml":     "",
		"clusters/a/flux-system/kustomization.yaml": "resources: [gotk-sync.yaml]\n",
	})
	tree.origin = origin{branch: "topic", remotes: []string{"/srv/mirror", "git@example.com:org/repo.git"}}
	entries, err := tree.Entries(EntryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	for _, d := range tree.Overlay(entries[0].Overlay).Documents()[:2] {
		m, err := d.Map()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	metadata := map[string]any{"name": "flux-system", "namespace": "flux-system"}
	want := []map[string]any{
		{"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": metadata, "spec": map[string]any{
			"interval": "1m0s", "ref": map[string]any{"branch": "topic"}, "url": "ssh://git@example.com/org/repo.git"}},
		{"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": metadata, "spec": map[string]any{
			"interval": "10m0s", "path": "./clusters/a", "prune": true,
			"sourceRef": map[string]any{"kind": "GitRepository", "name": "flux-system"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the overlay (-want +got):\n%s", diff)
	}
	seeds := []map[string]any{entries[0].Seeds[0].Object, entries[0].Seeds[1].Object}
	if diff := cmp.Diff(want, seeds); diff != "" {
		t.Errorf("the seeds (-want +got):\n%s", diff)
	}
	if n := len(entries[0].Assumed); n != 1 {
		t.Errorf("%d assumptions, want 1", n)
	}
}

func TestExplicitEntries(t *testing.T) {
	tree := FromFiles(map[string]string{
		"clusters/a/apps.yaml":   fluxKustomization("apps", "./apps", "flux-system"),
		"clusters/b/apps.yaml":   fluxKustomization("apps", "./apps", "flux-system"),
		"apps/kustomization.yml": "resources: [web.yaml]\n",
		"apps/web.yaml":          configMap,
		"infra/Nginx/a.yaml":     configMap,
	})
	tests := []struct {
		why     string
		options EntryOptions
		want    []found
		err     string
	}{
		{"nothing connects these Kustomizations", EntryOptions{}, nil, "--entry clusters/a"},
		{"a folder of clusters is split", EntryOptions{Explicit: []string{"./clusters/"}}, []found{
			{"a", "clusters/a", FoundExplicit, "clusters/a/apps.yaml", root, source, 2, nil},
			{"b", "clusters/b", FoundExplicit, "clusters/b/apps.yaml", root, source, 2, nil},
		}, ""},
		{"one of two clusters", EntryOptions{Explicit: []string{"clusters"}, Cluster: "b"}, []found{
			{"b", "clusters/b", FoundExplicit, "clusters/b/apps.yaml", root, source, 2, nil},
		}, ""},
		{"folders without Kustomizations make one cluster", EntryOptions{Explicit: []string{"infra/Nginx", "apps"}}, []found{
			{"Nginx+apps", "infra/Nginx", FoundExplicit, "infra/Nginx/a.yaml", "Kustomization/flux-system/infra-nginx", source, 3, nil},
		}, ""},
		{"a single folder without Kustomizations", EntryOptions{Explicit: []string{"apps"}}, []found{
			{"apps", "apps", FoundExplicit, "apps/kustomization.yml", root, source, 2, nil},
		}, ""},
		{"the folder of one cluster", EntryOptions{Explicit: []string{"clusters/b"}}, []found{
			{"b", "clusters/b", FoundExplicit, "clusters/b/apps.yaml", root, source, 2, nil},
		}, ""},
		{"no such folder", EntryOptions{Explicit: []string{"nothing"}}, nil, `no folder "nothing"`},
		{"a folder outside the repository", EntryOptions{Explicit: []string{"../apps"}}, nil, `no folder "../apps"`},
		{"no such cluster", EntryOptions{Explicit: []string{"clusters"}, Cluster: "c"}, nil, "name one of: a, b"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := tree.Entries(tt.options)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, summary(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEntryAt(t *testing.T) {
	tree := FromFiles(map[string]string{"deploy/ks.yaml": fluxKustomization("apps", "./deploy/apps", "other"), "deploy/apps/a.yaml": configMap})
	got, err := tree.EntryAt("./deploy")
	if err != nil {
		t.Fatal(err)
	}
	want := []found{{"deploy", "deploy", FoundExplicit, "deploy/ks.yaml", root, source, 2, nil}}
	if diff := cmp.Diff(want, summary([]Entry{got})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Seeds[1].Object["spec"].(map[string]any)["path"] != "./deploy" {
		t.Errorf("the root applies %v", got.Seeds[1].Object["spec"])
	}
	if _, err := tree.EntryAt("/deploy"); err == nil {
		t.Error("an absolute folder was accepted")
	}
}

func TestNoEntryNamesWhatIsNear(t *testing.T) {
	_, err := FromFiles(map[string]string{
		"flux.yaml": "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux}\nspec:\n  sync: {url: x, path: gone}\n",
	}).Entries(EntryOptions{})
	var none *NoEntryError
	if !errors.As(err, &none) || !strings.Contains(err.Error(), `flux.yaml:5:3: a FluxInstance syncs the path "gone"`) {
		t.Errorf("got %v", err)
	}
}

func TestMatchEntries(t *testing.T) {
	base := []Entry{{Name: "main", Dir: "x/main"}, {Name: "old", Dir: "old"}, {Name: "same", Dir: "clusters/same"}}
	head := []Entry{{Name: "new", Dir: "new"}, {Name: "same", Dir: "fleet/same"}, {Name: "x/main", Dir: "x/main"}, {Name: "y/main", Dir: "y/main"}}
	var got [][2]string
	for _, p := range MatchEntries(base, head) {
		var pair [2]string
		if p.Base != nil {
			pair[0] = p.Base.Name
		}
		if p.Head != nil {
			pair[1] = p.Head.Name
		}
		got = append(got, pair)
	}
	want := [][2]string{{"", "new"}, {"old", ""}, {"same", "same"}, {"main", "x/main"}, {"", "y/main"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a moved folder keeps its name, a longer name its folder (-want +got):\n%s", diff)
	}
}

func TestSameURL(t *testing.T) {
	for _, url := range []string{
		"https://Example.com/org/repo.git", "ssh://git@example.com:22/org/repo", "git@example.com:org/repo.git",
		"https://user:secret@example.com:443/org/repo/", "http://example.com/org/repo",
	} {
		if got := sameURL(url); got != "example.com/org/repo" {
			t.Errorf("sameURL(%q) is %q", url, got)
		}
	}
	if got := sameURL("https://example.com:8443/org/repo"); got != "example.com:8443/org/repo" {
		t.Errorf("another port is another repository, got %q", got)
	}
}

// corpus finds a real repository beside the module.
func corpus(t *testing.T, name string) *Tree {
	t.Helper()
	tree, err := Folder(beside.Folder(t, "corpora", name, "repo"))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestEntriesOfRealRepositories(t *testing.T) {
	tests := []struct {
		name     string
		explicit []string
		want     []string // name, folder and how
	}{
		{"flux2-kustomize-helm-example", nil, []string{"production clusters/production gotk-sync", "staging clusters/staging gotk-sync"}},
		{"flux2-multi-tenancy", nil, []string{"production clusters/production gotk-sync", "staging clusters/staging gotk-sync"}},
		{"onedr0p-home-ops-2025-06", nil, []string{"cluster kubernetes/flux/cluster flux-instance"}},
		{"radix-flux", nil, []string{
			"c2-production clusters/c2-production gotk-sync", "c3 clusters/c3 gotk-sync",
			"development clusters/development gotk-sync", "monitoring clusters/monitoring gotk-sync",
			"playground clusters/playground gotk-sync", "production clusters/production gotk-sync"}},
		{"gitops-template", nil, []string{"MC_NAME management-clusters/MC_NAME graph-root"}},
		{"azure-flux2-mt", []string{"clusters"}, []string{"production clusters/production explicit", "staging clusters/staging explicit"}},
		{"azure-flux2-mt", []string{"infrastructure", "apps/staging"}, []string{"infrastructure+staging infrastructure explicit"}},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+strings.Join(tt.explicit, " "), func(t *testing.T) {
			tree := corpus(t, tt.name)
			entries, err := tree.Entries(EntryOptions{Explicit: tt.explicit})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range entries {
				got = append(got, e.Name+" "+e.Dir+" "+e.Found)
				if len(e.Seeds) < 2 || e.Root.IsZero() || e.Source.IsZero() || e.Pos.IsZero() {
					t.Errorf("%s is incomplete: %+v", e.Name, e)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if problems := tree.Problems(); len(problems) > 0 {
				t.Errorf("problems in files that work in production: %v", problems)
			}
		})
	}
}

func TestRealRepositoryWithoutEntry(t *testing.T) {
	_, err := corpus(t, "azure-flux2-mt").Entries(EntryOptions{})
	var none *NoEntryError
	if !errors.As(err, &none) || !strings.Contains(err.Error(), "--entry clusters/production") {
		t.Errorf("got %v, want a NoEntryError that names the folder to type", err)
	}
}
