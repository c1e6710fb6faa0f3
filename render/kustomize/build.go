package kustomize

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	generator "github.com/fluxcd/pkg/kustomize"
	securefs "github.com/fluxcd/pkg/kustomize/filesys"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Input is a folder of an artifact and the Flux Kustomization that builds it.
type Input struct {
	Root   string                          // artifact on disk; never written to
	Path   string                          // spec.path as written; cannot leave the artifact
	Object *unstructured.Unstructured      // the Flux Kustomization
	Remote func(url string) (string, bool) // local copy of a remote file, nil when there are none
	// Git is the local copy of a git repository at a tag, branch or commit, or at
	// its main branch when ref is empty. Nil when there are none.
	Git      func(url, ref string) (string, bool)
	NoRemote bool              // the controller runs with --no-remote-bases
	Overlay  map[string][]byte // content by path in the artifact that stands before that on disk
	MaxReads int               // of files by the build, 20000 when zero
}

// Plan is a build whose kustomization file is settled.
type Plan struct {
	Dir       string // folder in the artifact, "." for its root
	File      string // kustomization file in the artifact, written or generated
	Generated bool   // nothing in the artifact is that file
	Manifest  []byte // content of the file with the fields of the Flux Kustomization

	in    Input
	root  string
	fs    filesys.FileSystem
	reach reach // below fs
}

// Prepare finds or generates the kustomization file as the controller does,
// with the fields of the Flux Kustomization merged into it. Nothing is written.
func Prepare(in Input) (*Plan, *Failure) {
	root, err := filepath.EvalSymlinks(in.Root)
	if err != nil {
		return nil, &Failure{Reason: "artifact-unreadable", Condition: artifactFailed, Message: err.Error()}
	}
	p := &Plan{in: in, root: root, Dir: artifactPath(in.Path)}
	dir := filepath.Join(root, filepath.FromSlash(p.Dir))
	info, err := os.Stat(dir)
	if err != nil {
		return nil, &Failure{Reason: "path-not-found", Condition: artifactFailed, Path: p.Dir,
			Message: "kustomization path not found: " + p.mask(err.Error())}
	}
	if !info.IsDir() {
		return nil, &Failure{Reason: "path-not-directory", Condition: buildFailed, Path: p.Dir,
			Message: fmt.Sprintf("open %[1]s/kustomization.yaml: not a directory\nremove %[1]s/kustomization.yaml: not a directory", p.Dir)}
	}
	if err := p.open(); err != nil {
		return nil, p.failure(err)
	}
	if err := p.check(dir); err != nil {
		return nil, p.failure(err)
	}
	err = shared.do("recovered from kustomize build panic", func() error { return p.generate(dir) })
	if err != nil {
		return nil, p.failure(err)
	}
	return p, nil
}

// artifactPath is the folder that a path names without leaving the artifact.
func artifactPath(p string) string {
	return strings.TrimPrefix(path.Clean("."+path.Clean("/"+filepath.ToSlash(p))), "./")
}

func (p *Plan) open() error {
	disk, err := securefs.MakeFsOnDiskSecure(p.root)
	if err != nil {
		return err
	}
	p.reach = reach{FileSystem: disk, others: map[string]filesys.FileSystem{}}
	p.fs = overlay{FileSystem: p.reach, files: map[string][]byte{}}
	for name, data := range p.in.Overlay {
		if err := p.Write(name, data); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) generate(dir string) error {
	manifest, file, action, err := generator.NewGenerator(p.root, *p.in.Object).GenerateManifest(dir)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(p.root, file)
	if err != nil {
		return err
	}
	p.File, p.Manifest, p.Generated = filepath.ToSlash(rel), manifest, action == generator.CreatedAction
	return p.Write(p.File, manifest)
}

// Write puts content before that of the artifact, in memory, for this build.
func (p *Plan) Write(name string, data []byte) error {
	return p.fs.WriteFile(filepath.Join(p.root, filepath.FromSlash(name)), data)
}

// Read returns the content that the build would see.
func (p *Plan) Read(name string) ([]byte, error) {
	return p.fs.ReadFile(filepath.Join(p.root, filepath.FromSlash(name)))
}

// Build runs kustomize on the plan.
func (p *Plan) Build() (*Built, *Failure) {
	g := &guard{FileSystem: p.fs, remote: p.in.Remote, git: p.in.Git, closed: p.in.NoRemote, reach: p.reach, limit: cmp.Or(p.in.MaxReads, maxReads)}
	m, err := shared.build(g, filepath.Join(p.root, filepath.FromSlash(p.Dir)))
	if g.stopped.url != "" {
		return nil, p.remoteFailure(g.stopped)
	}
	if g.reads > g.limit {
		return nil, p.failure(errTooManyReads)
	}
	if err != nil {
		return nil, p.failure(fmt.Errorf("kustomize build failed: %w", err))
	}
	b := &Built{plan: p}
	for _, r := range m.Resources() {
		b.Resources = append(b.Resources, newResource(r))
	}
	return b, nil
}

func (p *Plan) remoteFailure(e remoteEntry) *Failure {
	f := &Failure{File: p.mask(e.file), Entry: e.url, Condition: buildFailed}
	if e.forbidden {
		b, _ := gitBaseOf(e.url)
		clone := path.Join("/tmp/kustomize-clone", b.Path)
		f.Reason = "remote-base-forbidden"
		f.Message = fmt.Sprintf("kustomize build failed: accumulating resources: accumulation err='accumulating resources from '%s': "+
			"URL is a git repository': fs-security-constraint abs %s: path '%s' is not in or below '.'", e.url, clone, clone)
		return f
	}
	f.Reason, f.Unknown = "remote-base-not-local", true
	f.Message = fmt.Sprintf("the remote content %q is not at hand", e.url)
	return f
}

// mask makes the paths of a message relative to the artifact.
func (p *Plan) mask(s string) string {
	s = strings.ReplaceAll(s, p.root+"/", "")
	s = strings.ReplaceAll(s, p.root, ".")
	for dir, up := filepath.Dir(p.root), "../"; dir != "/" && dir != "."; dir, up = filepath.Dir(dir), up+"../" {
		s = strings.ReplaceAll(s, dir+"/", up)
	}
	return address.ReplaceAllString(s, "&{}")
}

// address is a place in memory, as kustomize prints of some values: it differs
// from run to run.
var address = regexp.MustCompile(`&\{(?:0x[0-9a-f]+|<nil>)(?: (?:0x[0-9a-f]+|<nil>))*\}`)

func (p *Plan) failure(err error) *Failure {
	return translate(p.mask(err.Error()))
}
