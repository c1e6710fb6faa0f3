package source

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/repo"
)

// BenchmarkArtifact is the first resolution of a repository of some 900 files.
func BenchmarkArtifact(b *testing.B) {
	dir, err := filepath.Abs("../../shared/corpora/onedr0p-home-ops-2025-06/repo")
	if err != nil {
		b.Fatal(err)
	}
	tree, err := repo.Folder(dir)
	if err != nil {
		b.Skipf("skipped: %v", err)
	}
	self := corpusObject(corpusRow{Kind: "GitRepository", Namespace: "flux-system", Name: "flux-system", URL: "https://h/x"})
	for b.Loop() {
		if a, f := New(Options{Tree: tree, Self: refOf(self)}).Artifact(context.Background(), self, nil); f != nil || len(a.Files) == 0 {
			b.Fatal("no artifact")
		}
	}
}
