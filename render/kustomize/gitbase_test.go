package kustomize

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGitBaseOf(t *testing.T) {
	tests := []struct {
		reason, address string
		want            gitBase
	}{
		{"two slashes", "https://host/team/sub/repo//deploy/base?ref=v1", gitBase{"https://host/team/sub/repo", "deploy/base", "v1"}},
		{"owner and name without a mark", "https://github.com/o/r/deploy?ref=main", gitBase{"https://github.com/o/r", "deploy", "main"}},
		{"no scheme is only for GitHub", "github.com/o/r//d", gitBase{"https://github.com/o/r", "d", ""}},
		{"a host without a scheme is a folder", "gitlab.com/o/r//d", gitBase{}},
		{"the root of the repository", "https://host/o/r?ref=x", gitBase{"https://host/o/r", ".", "x"}},
		{".git ends the name", "https://host/a/b/c.git/d?version=2&timeout=3", gitBase{"https://host/a/b/c.git", "d", "2"}},
		{"user and colon", "git@host:o/r.git//d?ref=1", gitBase{"ssh://git@host/o/r.git", "d", "1"}},
		{"ssh", "ssh://git@host:22/o/r//d", gitBase{"ssh://git@host:22/o/r", "d", ""}},
		{"Azure", "https://u@dev.azure.com/org/p/_git/r/d/e", gitBase{"https://u@dev.azure.com/org/p/_git/r", "d/e", ""}},
		{"an old mark of another program", "git::https://host/o/r//d", gitBase{"https://host/o/r", "d", ""}},
		{"a folder of this machine", "file:///tmp/r//d", gitBase{}},
		{"a way out of the repository", "https://host/o/r//../x", gitBase{}},
		{"too short", "https://host/r", gitBase{}},
	}
	for _, test := range tests {
		got, ok := gitBaseOf(test.address)
		if !ok {
			got = gitBase{}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", test.reason, test.address, diff)
		}
	}
}

const mapFile = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far}\n"

func TestGitBases(t *testing.T) {
	far := artifact(t, map[string]string{
		"deploy/kustomization.yaml": "resources: [map.yaml, ../shared]\n", "deploy/map.yaml": mapFile,
		"shared/kustomization.yaml": "configMapGenerator: [{name: near, literals: [a=b]}]\ngeneratorOptions: {disableNameSuffixHash: true}\n",
		"escape/kustomization.yaml": "resources: [../../other]\n",
	})
	at := map[string]string{"https://host/o/r v1": far, "https://github.com/o/r ": far}
	git := func(url, ref string) (string, bool) { p, ok := at[url+" "+ref]; return p, ok }
	tests := []struct {
		reason, entry string
		noRemote      bool
		want          []string
		failure       string
	}{
		{"a folder at a tag, with its own bases", "https://host/o/r//deploy?ref=v1", false, []string{"x-far", "x-near"}, ""},
		{"the main branch", "github.com/o/r//shared", false, []string{"x-near"}, ""},
		{"a tag that is not at hand", "https://host/o/r//deploy?ref=v2", false, nil, "remote-base-not-local"},
		{"a folder that is not in it", "https://host/o/r//nothing?ref=v1", false, nil, "remote-base-not-local"},
		{"a way out of it", "https://host/o/r//escape?ref=v1", false, nil, "path-outside-artifact"},
		{"the controller may not read repositories", "https://host/o/r//deploy?ref=v1", true, nil, "remote-base-forbidden"},
		{"the flag does not keep it from loading files", "https://host/o/r/v1/file.yaml", true, nil, "remote-base-not-local"},
	}
	for _, test := range tests {
		root := artifact(t, map[string]string{"app/kustomization.yaml": "namePrefix: x-\nresources:\n- " + test.entry + "\n"})
		in := Input{Root: root, Path: "app", Object: fluxObject(nil), Git: git, NoRemote: test.noRemote}
		built, failure := attempt(in)
		got := ""
		if failure != nil {
			got = failure.Reason
		}
		if got != test.failure {
			t.Errorf("%s: failure %v, want %q", test.reason, failure, test.failure)
			continue
		}
		var names []string
		if built != nil {
			for _, r := range built.Resources {
				names = append(names, r.Name)
			}
		}
		if diff := cmp.Diff(test.want, names); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}
