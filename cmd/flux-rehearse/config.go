package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/flux-rehearse/flux-rehearse/repo"
)

// config is the file that --config names: what the clusters have and the
// repository does not say. Paths in it are relative to the file.
type config struct {
	FluxVersion string `yaml:"fluxVersion"`
	Controllers struct {
		Kustomize     []string `yaml:"kustomize"` // flags, as in the args of the Deployment
		Helm          []string `yaml:"helm"`
		SourceWatcher bool     `yaml:"sourceWatcher"`
	} `yaml:"controllers"`
	Cluster []string `yaml:"cluster"` // files with objects that exist before Flux starts
	// Inputs are files with ResourceSetInputProviders as kubectl get -o yaml prints
	// them: status.exportedInputs is what a service has answered.
	Inputs    []string         `yaml:"inputs"`
	Bootstrap []map[string]any `yaml:"bootstrap"` // source and root Kustomization, instead of those found in the repository
	// ServiceRange is the range of service addresses of the clusters in CIDR form,
	// or one of IPv4 and one of IPv6.
	ServiceRange string `yaml:"serviceRange"`
	// NodePortRange is the range of node ports of the clusters, as their API
	// servers are told it.
	NodePortRange string    `yaml:"nodePortRange"`
	Rehearsal     rehearsal `yaml:"rehearsal"`

	dir  string // of the file
	root string // of the repository
}

// rehearsal is how a replay runs.
type rehearsal struct {
	Manager     string `yaml:"manager"`     // field manager of the objects that bootstrap applies
	Workloads   string `yaml:"workloads"`   // ready (the default): assumed after apply; never: no status is ever written
	Environment string `yaml:"environment"` // cluster (the default): emulate the controllers that every cluster runs; server: the API server alone
	NeverReady  string `yaml:"neverReady"`  // annotation whose value "true" exempts an object from workloads: ready
	BeforeHead  struct {
		Apply  []string    `yaml:"apply"` // files applied by hand between base and head
		Delete []objectKey `yaml:"delete"`
	} `yaml:"beforeHead"`
	Resync bool `yaml:"resync"` // reconcile everything once more after head
}

type objectKey struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Namespace  string `yaml:"namespace"`
	Name       string `yaml:"name"`
}

func (k objectKey) object() *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetAPIVersion(k.APIVersion)
	u.SetKind(k.Kind)
	u.SetNamespace(k.Namespace)
	u.SetName(k.Name)
	return u
}

func loadConfig(path, root string) (config, error) {
	c := config{dir: filepath.Dir(path), root: root}
	if path == "" {
		return c, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return c, usagef("cannot read --config %q: no such file", path)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, yamlError(fmt.Errorf("%s: %w", path, err))
	}
	if w := c.Rehearsal.Workloads; w != "" && w != "ready" && w != "never" {
		return c, usagef("--config %s: rehearsal.workloads must be ready or never, got %q", path, w)
	}
	if c.ServiceRange != "" && !addressRanges(c.ServiceRange) {
		return c, usagef("--config %s: serviceRange must be in CIDR form such as 10.96.0.0/12 or 10.96.0.0/12,fd00::/108, got %q", path, c.ServiceRange)
	}
	if ports, err := utilnet.ParsePortRange(c.NodePortRange); err != nil || ports.Contains(0) {
		return c, usagef("--config %s: nodePortRange must be of the form 30000-32767, got %q", path, c.NodePortRange)
	}
	if e := c.Rehearsal.Environment; e != "" && e != "cluster" && e != bareServer {
		return c, usagef("--config %s: rehearsal.environment must be cluster or server, got %q", path, e)
	}
	return c, nil
}

// yamlLine is how the YAML library tells a line in the text of its errors.
var yamlLine = regexp.MustCompile(`: (?:yaml: )?(?:unmarshal errors:\s+)?line (\d+): `)

// unknownKey is how the YAML library names a key that a type does not have.
var unknownKey = regexp.MustCompile(`field (\S+) not found in type \S+`)

// yamlError makes a usage error of one that starts with the name of a file and
// goes on as the YAML library writes it: file:line, and the first mistake only.
func yamlError(err error) error {
	text, _, _ := strings.Cut(yamlLine.ReplaceAllString(err.Error(), ":$1: "), "\n")
	return usageError{errors.New(unknownKey.ReplaceAllString(text, `there is no key "$1"`))}
}

// objects reads Kubernetes objects from files.
func (c config) objects(files []string) ([]repo.Seed, error) {
	var out []repo.Seed
	for _, name := range files {
		if !filepath.IsAbs(name) {
			name = filepath.Join(c.dir, name)
		}
		list, err := readObjects(name, c.root)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// readObjects reads a file of objects. One in the repository is shown as the
// files of the repository are.
func readObjects(name, root string) ([]repo.Seed, error) {
	f, err := repo.ObjectFile(name, shown(name, root))
	if err != nil {
		return nil, usagef("cannot read %q: no such file", name)
	}
	list, err := f.Objects()
	if err != nil {
		return nil, usageError{err}
	}
	return list, nil
}

// shown is how a file is called: by its place in the repository, if it is there.
func shown(name, root string) string {
	abs, err := filepath.Abs(name)
	if err != nil || root == "" {
		return name
	}
	if root, err = filepath.Abs(root); err != nil {
		return name
	}
	if rel, err := filepath.Rel(root, abs); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return name
}

// plainObjects are seeds without where they are from.
func plainObjects(seeds []repo.Seed) []*unstructured.Unstructured {
	out := make([]*unstructured.Unstructured, len(seeds))
	for i, s := range seeds {
		out[i] = &unstructured.Unstructured{Object: s.Object}
	}
	return out
}

// addressRanges reports whether text is a range of addresses in CIDR form, or
// two with a comma, one of each family.
func addressRanges(text string) bool {
	families := map[int]bool{}
	parts := strings.Split(text, ",")
	for _, part := range parts {
		_, network, err := net.ParseCIDR(part)
		if err != nil {
			return false
		}
		families[len(network.IP)] = true
	}
	return len(families) == len(parts)
}
