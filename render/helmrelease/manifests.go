package helmrelease

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"go.yaml.in/yaml/v3"
	helm "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"

	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// pathAnnotation keeps the path of the template on an object while the
// post-renderers run. It is Helm's own: patches of users may see it.
const pathAnnotation = "postrenderer.helm.sh/postrender-filename"

// postRenderError is a post-renderer that refuses what it is given.
type postRenderError struct {
	group string // what was post-rendered, in Helm's words
	err   error
}

// Error words it as Helm does.
func (e *postRenderError) Error() string {
	return fmt.Sprintf("error while running post render on %s: %s", e.group, e.err)
}

// yamlError is a template that yields no YAML.
type yamlError struct {
	group, path string
	err         error
}

// Error words it as Helm does.
func (e *yamlError) Error() string {
	step := "parsing"
	var kind *kindError
	if errors.As(e.err, &kind) && kind.item {
		step = "annotating"
	}
	return fmt.Sprintf("error merging %s: %s %s: %s", e.group, step, e.path, e.err)
}

// postRendered passes rendered templates through the post-renderers, with the
// strategy of a release, and sorts them into hooks and other objects.
func postRendered(files map[string]string, strategy v2.PostRenderStrategy, in kustomize.PostRenderInput) ([]*helm.Hook, []releaseutil.Manifest, error) {
	if strategy == v2.PostRenderStrategyCombined {
		out, err := postRender(group{name: "files", merging: "manifests", files: files}, in)
		if err != nil {
			return nil, nil, err
		}
		return sortManifests(out)
	}
	hooks, manifests, err := sortManifests(files)
	if err != nil {
		return nil, nil, err
	}
	hookFiles, plainFiles := map[string]string{}, map[string]string{}
	for _, h := range hooks {
		addDocument(hookFiles, h.Path, h.Manifest)
	}
	for _, m := range manifests {
		addDocument(plainFiles, m.Name, m.Content)
	}
	if strategy == v2.PostRenderStrategySeparate && len(hookFiles) > 0 {
		if hookFiles, err = postRender(group{name: "hooks", merging: "hooks", fallback: "hooks", files: hookFiles}, in); err != nil {
			return nil, nil, err
		}
	}
	if len(plainFiles) > 0 {
		if plainFiles, err = postRender(group{name: "manifests", merging: "manifests", fallback: "manifests", files: plainFiles}, in); err != nil {
			return nil, nil, err
		}
	}
	for name, text := range plainFiles {
		addDocument(hookFiles, name, text)
	}
	return sortManifests(hookFiles)
}

// postRendered is what the post-renderers of the release make of rendered templates.
func (r *renderRun) postRendered(files map[string]string, in kustomize.PostRenderInput) ([]*helm.Hook, []releaseutil.Manifest, error) {
	known := r.renderer.sorted.of(files, r.strategy(), in)
	return known.hooks, known.manifests, known.err
}

// strategy is what the release says, else the default of the controller.
func (r *renderRun) strategy() v2.PostRenderStrategy {
	switch {
	case r.prepared.HelmRelease.Spec.PostRenderStrategy != "":
		return r.prepared.HelmRelease.Spec.PostRenderStrategy
	case !r.in.Settings.PostRendersHooks():
		return v2.PostRenderStrategyNoHooks
	}
	return v2.PostRenderStrategyCombined
}

func addDocument(files map[string]string, name, text string) {
	if have, ok := files[name]; ok {
		text = have + "\n---\n" + text
	}
	files[name] = text
}

// group is what is post-rendered together.
type group struct {
	name     string // in Helm's messages about post-rendering
	merging  string // in Helm's messages about the templates
	fallback string // in the names of objects that no template is known of
	files    map[string]string
}

func postRender(g group, in kustomize.PostRenderInput) (map[string]string, error) {
	merged, err := merge(g)
	if err != nil {
		return nil, err
	}
	in.Manifests = merged
	out, err := kustomize.PostRender(in)
	if err != nil {
		return nil, &postRenderError{group: g.name, err: err}
	}
	return split(out, g.fallback)
}

// merge joins the files into one stream whose documents know their path.
func merge(g group) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	for _, name := range slices.Sorted(maps.Keys(g.files)) {
		if strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		for _, text := range documents(g.files[name]) {
			found, err := objectsOf(text, name)
			if err != nil {
				return nil, &yamlError{group: g.merging, path: name, err: err}
			}
			for _, n := range found {
				if err := encoder.Encode(n); err != nil {
					return nil, fmt.Errorf("error merging %s: writing %s: %w", g.merging, name, err)
				}
			}
		}
	}
	if out.Len() == 0 {
		return nil, nil // an encoder that wrote nothing does not close
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("error merging %s: %w", g.merging, err)
	}
	return out.Bytes(), nil
}

// nodes returns the documents of a stream that hold something.
func nodes(text string) ([]*yaml.Node, error) {
	decoder := yaml.NewDecoder(strings.NewReader(strings.ReplaceAll(text, "\r\n", "\n")))
	var out []*yaml.Node
	for {
		doc := &yaml.Node{}
		err := decoder.Decode(doc)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("MalformedYAMLError: %w", err)
		}
		if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
			continue
		}
		out = append(out, doc.Content[0])
	}
}

// split takes a stream apart into files by the path on each document.
func split(data []byte, fallback string) (map[string]string, error) {
	found, err := nodes(string(data))
	if err != nil {
		return nil, fmt.Errorf("error while parsing post rendered output: %w", err)
	}
	out := map[string]string{}
	for i, n := range found {
		name := unannotate(n)
		if name == "" {
			name = strings.Replace(fmt.Sprintf("generated-by-postrender-%s-%d.yaml", fallback, i), "--", "-", 1)
		}
		text, err := printed(n)
		if err != nil {
			return nil, fmt.Errorf("error while parsing post rendered output: %w", err)
		}
		if have, ok := out[name]; ok {
			text = have + "---\n" + text
		}
		out[name] = text
	}
	return out, nil
}

// printed is a document as kustomize prints it.
func printed(n *yaml.Node) (string, error) {
	var out strings.Builder
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(n); err != nil {
		return "", fmt.Errorf("write a document: %w", err)
	}
	return out.String(), encoder.Close()
}

// unannotate removes the path from the object and returns it.
func unannotate(n *yaml.Node) string {
	metadata := value(n, "metadata")
	annotations := value(metadata, "annotations")
	name := remove(annotations, pathAnnotation)
	if annotations != nil && len(annotations.Content) == 0 {
		remove(metadata, "annotations")
	}
	return name
}

func value(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func remove(n *yaml.Node, key string) string {
	if n == nil {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			v := n.Content[i+1].Value
			n.Content = slices.Delete(n.Content, i, i+2)
			return v
		}
	}
	return ""
}
