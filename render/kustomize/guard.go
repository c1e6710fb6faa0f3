package kustomize

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	kustypes "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// errRemote stops a build before kustomize would open a connection.
var errRemote = errors.New("remote content is not at hand")

// errReadOnly is the answer to everything that would change an artifact.
var errReadOnly = errors.New("an artifact is read-only")

// guard is the file system of a build. Every file in which kustomize could read
// a remote address passes through ReadFile, which replaces the address by a
// local copy or stops the build. So kustomize itself never sees one.
type guard struct {
	filesys.FileSystem
	remote  func(url string) (string, bool)
	git     func(url, ref string) (string, bool)
	closed  bool  // git repositories may not be read
	reach   reach // below FileSystem
	stopped remoteEntry
	reads   int
	limit   int // of reads
}

// maxReads is how many files one build may read unless its Input says otherwise.
const maxReads = 20_000

// errTooManyReads stops bases that list each other many times over, which
// would otherwise read without end.
var errTooManyReads = errors.New("the build reads too many files")

// remoteEntry is a remote address and the file that holds it.
type remoteEntry struct {
	url, file string
	forbidden bool
}

// ReadFile reads the file with remote addresses replaced by local files.
func (g *guard) ReadFile(name string) ([]byte, error) {
	if g.reads++; g.reads > g.limit {
		return nil, errTooManyReads
	}
	data, err := g.FileSystem.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if err := checkAliases(data); err != nil {
		return nil, err
	}
	urls := addresses(filepath.Base(name), data)
	// The longest address goes first, as a shorter one may be a part of it.
	slices.SortFunc(urls, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	for _, url := range slices.Compact(urls) {
		local, ok := g.atHand(filepath.Dir(name), url)
		if !ok {
			if g.stopped.url == "" {
				g.stopped = remoteEntry{url: url, file: name, forbidden: g.closed && marksGit(url)}
			}
			return nil, errRemote
		}
		data = bytes.ReplaceAll(data, []byte(url), []byte(local))
	}
	return data, nil
}

// atHand returns the path from a folder to the local copy of a file or of a
// folder in a git repository.
func (g *guard) atHand(dir, url string) (string, bool) {
	if local, ok := g.local(dir, url); ok || g.closed {
		return local, ok
	}
	return g.base(dir, url)
}

// local puts a copy of the remote file next to the file that names it, in
// memory, and returns its name there.
func (g *guard) local(dir, url string) (string, bool) {
	if g.remote == nil {
		return "", false
	}
	found, ok := g.remote(url)
	if !ok {
		return "", false
	}
	data, err := os.ReadFile(found)
	if err != nil {
		return "", false
	}
	sum := sha256.Sum256([]byte(url))
	name := "remote-" + hex.EncodeToString(sum[:8]) + path.Ext(strings.SplitN(url, "?", 2)[0])
	if err := g.FileSystem.WriteFile(filepath.Join(dir, name), data); err != nil {
		return "", false
	}
	return name, true
}

// addresses lists the remote addresses in a file that kustomize interprets.
func addresses(name string, data []byte) []string {
	var out []string
	if slices.Contains(konfig.RecognizedKustomizationFileNames(), name) {
		out = kustomizationAddresses(data)
	} else if bytes.Contains(data, []byte("builtin")) {
		out = pluginAddresses(data)
	}
	return out
}

// kustomizationAddresses decodes the file exactly as kustomize does; what fails
// here fails there before anything is loaded.
func kustomizationAddresses(data []byte) []string {
	var k kustypes.Kustomization
	if k.Unmarshal(data) != nil {
		return nil
	}
	k.FixKustomization()
	paths := slices.Concat(k.Resources, k.Components, k.Crds, k.Configurations)
	for _, p := range k.OpenAPI {
		paths = append(paths, p)
	}
	var plugins []string
	for _, p := range slices.Concat(k.Generators, k.Transformers, k.Validators) {
		paths = append(paths, p)
		plugins = append(plugins, pluginAddresses([]byte(p))...)
	}
	//lint:ignore SA1019 the controllers still accept the deprecated fields.
	for _, p := range k.PatchesStrategicMerge {
		paths = append(paths, string(p))
	}
	//lint:ignore SA1019 the controllers still accept the deprecated fields.
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) {
		paths = append(paths, p.Path)
	}
	for _, r := range k.Replacements {
		paths = append(paths, r.Path)
	}
	for _, g := range k.ConfigMapGenerator {
		paths = append(paths, sourcePaths(g.KvPairSources)...)
	}
	for _, g := range k.SecretGenerator {
		paths = append(paths, sourcePaths(g.KvPairSources)...)
	}
	return append(slices.DeleteFunc(paths, func(s string) bool { return !isRemote(s) }), plugins...)
}

func sourcePaths(s kustypes.KvPairSources) []string {
	out := append(slices.Clone(s.EnvSources), s.EnvSource)
	for _, f := range s.FileSources {
		_, value, found := strings.Cut(f, "=")
		if !found {
			value = f
		}
		out = append(out, value)
	}
	return out
}

// isRemote reports whether kustomize would take the path for a web or git
// address. It may say so of a path that kustomize then refuses, never the reverse.
func isRemote(p string) bool {
	p = strings.ToLower(strings.TrimSpace(p))
	if strings.ContainsAny(p, "\n") {
		return false
	}
	p = strings.TrimPrefix(p, "git::")
	for _, prefix := range []string{"http:", "https:", "ssh://", "file://", "github.com/", "github.com:", "gh:"} {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	user, rest, found := strings.Cut(p, "@")
	return found && user != "" && !strings.ContainsAny(user, "/.:") && strings.ContainsAny(rest, ":/")
}
