package repo

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

const (
	sourceGroup        = "source.toolkit.fluxcd.io"
	kustomizationGroup = "kustomize.toolkit.fluxcd.io"
	fluxNamespace      = "flux-system"
	unknownHost        = "example.invalid/this-repository" // stands for a URL that nobody wrote down
)

// declaredSeed is an object that a document declares.
func declaredSeed(d *Document) (Seed, bool) {
	object, err := d.Map()
	if err != nil || object == nil {
		return Seed{}, false
	}
	return Seed{Doc: d, Object: object, Pos: d.Position()}, true
}

// virtualSeed is an object that bootstrap makes and the tree does not declare.
func virtualSeed(ref finding.Ref, spec map[string]any, pos finding.Position) Seed {
	metadata := map[string]any{"name": ref.Name}
	if ref.Namespace != "" {
		metadata["namespace"] = ref.Namespace
	}
	return Seed{Pos: pos, Object: map[string]any{
		"apiVersion": ref.Group + "/v1", "kind": ref.Kind, "metadata": metadata, "spec": spec,
	}}
}

// sourceSpec is the spec of a source that stands for this repository.
func (t *Tree) sourceSpec(kind string) map[string]any {
	switch kind {
	case "OCIRepository":
		return map[string]any{"interval": "1m0s", "url": "oci://" + unknownHost, "ref": map[string]any{"tag": "latest"}}
	case "Bucket":
		return map[string]any{"interval": "1m0s", "bucketName": "this-repository", "endpoint": "example.invalid"}
	}
	return map[string]any{"interval": "1m0s", "url": t.gitURL(), "ref": map[string]any{"branch": t.branchOrMain()}}
}

func kustomizationSpec(dir string, source finding.Ref) map[string]any {
	return map[string]any{
		"interval": "10m0s", "path": dotted(dir), "prune": true,
		"sourceRef": map[string]any{"kind": source.Kind, "name": source.Name},
	}
}

// dotted writes a folder as flux bootstrap does.
func dotted(dir string) string {
	if dir == "." {
		return "./"
	}
	return "./" + dir
}

func (t *Tree) branchOrMain() string {
	if t.origin.branch != "" {
		return t.origin.branch
	}
	return "main"
}

var scpURL = regexp.MustCompile(`^([\w.-]+@)?([\w.-]+):([^/].*|/[^/].*)$`)

// gitURL is the first remote in a form that a GitRepository accepts.
func (t *Tree) gitURL() string {
	for _, remote := range t.origin.remotes {
		if m := scpURL.FindStringSubmatch(remote); m != nil && !strings.Contains(remote, "://") {
			remote = "ssh://" + m[1] + m[2] + "/" + strings.TrimPrefix(m[3], "/")
		}
		u, err := url.Parse(remote)
		if err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" || u.Scheme == "ssh") {
			return remote
		}
	}
	return "https://" + unknownHost
}

// sameURL reduces the URL of a git repository to what two ways of writing it
// have in common: no scheme, user, default port, ".git" or case of the host.
func sameURL(remote string) string {
	if m := scpURL.FindStringSubmatch(remote); m != nil && !strings.Contains(remote, "://") {
		remote = "ssh://" + m[2] + "/" + strings.TrimPrefix(m[3], "/")
	}
	u, err := url.Parse(remote)
	if err != nil || u.Host == "" {
		return remote
	}
	host := strings.ToLower(u.Hostname())
	if port := u.Port(); port != "" && port != "22" && port != "443" {
		host += ":" + port
	}
	return host + strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git")
}

// sourceRef is the source that a Flux Kustomization names.
func sourceRef(d *Document) finding.Ref {
	ref := finding.Ref{
		Group: sourceGroup, Kind: d.Text("/spec/sourceRef/kind"),
		Namespace: d.Text("/spec/sourceRef/namespace"), Name: d.Text("/spec/sourceRef/name"),
	}
	if ref.Namespace == "" {
		ref.Namespace = d.Text("/metadata/namespace")
	}
	return ref
}

// isRepository reports whether a source of the kind can be a whole repository.
func isRepository(kind string) bool {
	return kind == "GitRepository" || kind == "OCIRepository" || kind == "Bucket"
}

// declared returns the document that declares a source, preferably one in or
// below a folder; nil when there is none.
func (g *graph) declared(ref finding.Ref, prefer string) *Document {
	var first *Document
	for _, d := range g.documents(func(d *Document) bool { return isFlux(d, ref.Group, ref.Kind) }) {
		if r, _ := d.Ref(); r != ref || g.patches[d.File.Path] {
			continue
		}
		if below(d.File.Path, prefer) {
			return d
		}
		if first == nil {
			first = d
		}
	}
	return first
}

// sourceSeed is the declared source, or one that bootstrap makes, which is then
// an assumption.
func (d *discovery) sourceSeed(ref finding.Ref, near string, pos finding.Position) (Seed, []Assumption) {
	if doc := d.graph.declared(ref, near); doc != nil {
		if seed, ok := declaredSeed(doc); ok {
			return seed, nil
		}
	}
	text := fmt.Sprintf("%s is this repository: nothing in the repository declares it, so bootstrap must have made it", ref)
	return virtualSeed(ref, d.tree.sourceSpec(ref.Kind), pos), []Assumption{{Text: text, Pos: pos}}
}

func filePosition(f *File) finding.Position {
	return finding.Position{File: f.display, Precision: finding.PrecisionFile}
}
