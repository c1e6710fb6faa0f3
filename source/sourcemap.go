package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// Map is what the user has at hand of the sources that a repository refers to:
// the content of a source map file. It is immutable.
type Map struct {
	File     string // the source map file
	Complete bool   // a source that has rows has no other versions than those
	Closed   bool   // a source without rows does not exist
	rows     []row
	http     map[string]string
}

// row is one entry of a source map.
type row struct {
	Kind, Namespace, Name    string
	URL, Chart, Version      string
	Resolved, Commit, Digest string
	MediaType                string // of the layer of an OCI artifact, empty when it is not known
	Ref                      gitRef
	Path                     string // absolute, empty when the content is not at hand
	Complete, Invented       bool
	Line                     int

	layer func() string // type of the layer as its content tells, nil when there is none
}

// mapKinds are the kinds that a row may have.
var mapKinds = []string{
	"GitRepository", "OCIRepository", "HelmRepository", "Bucket", "ExternalArtifact",
	"HTTP", "HTTP-JSONSchema", "ConfigMap", "Secret",
}

// clusterVariable stands for the name of a cluster in a path.
const clusterVariable = "<cluster>"

// LoadMap reads a source map: a YAML file with a list "sources" whose rows name
// a source (kind, namespace, name, url, ref, chart, version, mediaType) and where its
// content is (path, relative to the folder of the file). Keys without meaning
// are ignored. Rows with "match: synthetic" have made up values. Rows with "match: missing" are not at hand.
// With "complete: true" a source has no other versions than those of its rows,
// with "closed: true" a source without rows does not exist. An error names the
// file and the line.
func LoadMap(file string) (*Map, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the source map: %w", err)
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("read the source map: %w", err)
	}
	m := &Map{File: file, http: map[string]string{}}
	doc, err := singleDocument(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if doc == nil {
		return m, nil
	}
	if err := m.read(doc, filepath.Dir(abs)); err != nil {
		return nil, err
	}
	return m, nil
}

func singleDocument(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("line %d: a source map is one YAML document", more.Line)
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil, nil
	}
	return doc.Content[0], nil
}

func (m *Map) read(root *yaml.Node, dir string) error {
	top, err := m.fields(root)
	if err != nil {
		return err
	}
	if m.Complete, err = m.truth(top["complete"], "complete"); err != nil {
		return err
	}
	if m.Closed, err = m.truth(top["closed"], "closed"); err != nil {
		return err
	}
	list := top["sources"]
	if list == nil || list.Tag == "!!null" {
		return nil
	}
	if list.Kind != yaml.SequenceNode {
		return m.errorf(list, `"sources" must be a list`)
	}
	for _, item := range list.Content {
		r, err := m.row(item, dir)
		if err != nil {
			return err
		}
		switch r.Kind {
		case "ExternalArtifact": // computed, never read
		case "HTTP", "HTTP-JSONSchema":
			if _, known := m.http[r.URL]; !known && r.Path != "" {
				m.http[r.URL] = r.Path
			}
		default:
			m.rows = append(m.rows, r)
		}
	}
	return nil
}

// row reads one entry of the list.
func (m *Map) row(item *yaml.Node, dir string) (row, error) {
	f, err := m.fields(item)
	if err != nil {
		return row{}, err
	}
	r := row{Line: item.Line}
	match, path := "", ""
	for _, t := range []struct {
		key string
		to  *string
	}{
		{"kind", &r.Kind}, {"namespace", &r.Namespace}, {"name", &r.Name}, {"url", &r.URL},
		{"chart", &r.Chart}, {"version", &r.Version}, {"resolved", &r.Resolved},
		{"commit", &r.Commit}, {"digest", &r.Digest}, {"mediaType", &r.MediaType}, {"match", &match}, {"path", &path},
	} {
		if *t.to, err = m.text(f[t.key], t.key); err != nil {
			return row{}, err
		}
	}
	if r.Complete, err = m.truth(f["complete"], "complete"); err != nil {
		return row{}, err
	}
	if r.Ref, err = m.ref(f["ref"]); err != nil {
		return row{}, err
	}
	if !slices.Contains(mapKinds, r.Kind) {
		return row{}, m.errorf(item, "%q is not a kind of source: use one of %s", r.Kind, strings.Join(mapKinds, ", "))
	}
	r.Invented = match == "synthetic"
	if r.Kind == "ExternalArtifact" || match == "missing" {
		return r, nil
	}
	return m.located(r, item, filepath.Join(dir, filepath.FromSlash(path)), path)
}

// located sets the path of a row after checking that the row can be used.
func (m *Map) located(r row, item *yaml.Node, abs, path string) (row, error) {
	switch {
	case path == "":
		return row{}, m.errorf(item, `%s has no path: set "path", or "match: missing" when the content is not at hand`, r.Kind)
	case filepath.IsAbs(filepath.FromSlash(path)):
		abs = filepath.Clean(filepath.FromSlash(path))
	}
	switch r.Kind {
	case "HTTP", "HTTP-JSONSchema":
		if r.URL == "" {
			return row{}, m.errorf(item, "%s has no url", r.Kind)
		}
	case "HelmRepository":
		if r.Chart == "" {
			return row{}, m.errorf(item, "HelmRepository has no chart: a row stands for one chart and version")
		}
		fallthrough
	default:
		if r.Name == "" && !isURL(r.URL) {
			return row{}, m.errorf(item, "%s has neither a name nor a url", r.Kind)
		}
	}
	if !strings.Contains(path, clusterVariable) {
		if _, err := os.Stat(abs); err != nil {
			return row{}, m.errorf(item, "path %q does not exist", path)
		}
	}
	r.Path = abs
	r.layer = sync.OnceValue(func() string { return assumedLayer(abs) })
	return r, nil
}

func (m *Map) ref(n *yaml.Node) (gitRef, error) {
	var out gitRef
	if n == nil || n.Tag == "!!null" {
		return out, nil
	}
	f, err := m.fields(n)
	if err != nil {
		return out, err
	}
	for _, t := range []struct {
		key string
		to  *string
	}{
		{"commit", &out.Commit}, {"name", &out.Name}, {"semver", &out.Semver},
		{"tag", &out.Tag}, {"branch", &out.Branch}, {"digest", &out.Digest},
	} {
		if *t.to, err = m.text(f[t.key], "ref."+t.key); err != nil {
			return out, err
		}
	}
	return out, nil
}

// fields are the values of a mapping by key.
func (m *Map) fields(n *yaml.Node) (map[string]*yaml.Node, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return nil, m.errorf(n, "must be a mapping of keys to values")
	}
	out := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := n.Content[i+1]
		if v.Kind == yaml.AliasNode {
			v = v.Alias
		}
		if out[n.Content[i].Value] != nil {
			return nil, m.errorf(n.Content[i], "the key %q is set twice", n.Content[i].Value)
		}
		out[n.Content[i].Value] = v
	}
	return out, nil
}

func (m *Map) text(n *yaml.Node, key string) (string, error) {
	if n == nil || n.Tag == "!!null" {
		return "", nil
	}
	if n.Kind != yaml.ScalarNode {
		return "", m.errorf(n, "%q must be a text", key)
	}
	return n.Value, nil
}

func (m *Map) truth(n *yaml.Node, key string) (bool, error) {
	v, err := m.text(n, key)
	switch {
	case err != nil:
		return false, err
	case v == "" || v == "false":
		return false, nil
	case v == "true":
		return true, nil
	}
	return false, m.errorf(n, "%q must be true or false", key)
}

func (m *Map) errorf(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", m.File, n.Line, fmt.Sprintf(format, args...))
}

// HTTP returns the local file that stands for a URL. A fragment of the URL is ignored.
func (m *Map) HTTP(url string) (string, bool) {
	if m == nil {
		return "", false
	}
	url, _, _ = strings.Cut(url, "#")
	p, ok := m.http[url]
	return p, ok
}

// Objects returns the files of objects that only the cluster has: the rows of
// kind ConfigMap and Secret, in their order. "<cluster>" in a path stands for
// the name of the cluster; files that do not exist for it are left out.
func (m *Map) Objects(cluster string) []string {
	if m == nil {
		return nil
	}
	var out []string
	for _, r := range m.rows {
		if r.Kind != "ConfigMap" && r.Kind != "Secret" || r.Path == "" {
			continue
		}
		p := r.Path
		if strings.Contains(p, clusterVariable) {
			if cluster == "" || cluster == ".." || strings.ContainsAny(cluster, `/\`) {
				continue
			}
			p = strings.ReplaceAll(p, clusterVariable, cluster)
		}
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			out = append(out, p)
		}
	}
	return out
}
