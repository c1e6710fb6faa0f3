package kustomization

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// kustomizationFile is what decryption reads of one. Neither configMapGenerator
// nor patchesStrategicMerge nor bases are among it.
type kustomizationFile struct {
	SecretGenerator []struct {
		Files []string `json:"files"`
		Envs  []string `json:"envs"`
	} `json:"secretGenerator"`
	Patches []struct {
		Path string `json:"path"`
	} `json:"patches"`
	Resources  []string `json:"resources"`
	Components []string `json:"components"`
}

// secretFile is an entry whose file may be encrypted, and how.
type secretFile struct {
	name    string
	pointer string
	missing string // reason when there is no such file
	format  sops.Format
}

func (k kustomizationFile) secretFiles() []secretFile {
	var out []secretFile
	for i, g := range k.SecretGenerator {
		for n, text := range g.Files {
			key, name, found := strings.Cut(text, "=")
			if !found {
				name = key
			}
			out = append(out, secretFile{name, fmt.Sprintf("/secretGenerator/%d/files/%d", i, n), "generator-file-missing", sops.FormatOf(key)})
		}
		for n, name := range g.Envs {
			f := sops.FormatOf(name)
			if f == sops.Binary {
				f = sops.Dotenv
			}
			out = append(out, secretFile{name, fmt.Sprintf("/secretGenerator/%d/envs/%d", i, n), "generator-file-missing", f})
		}
	}
	for i, p := range k.Patches {
		if p.Path != "" && !remote(p.Path) {
			out = append(out, secretFile{p.Path, fmt.Sprintf("/patches/%d/path", i), "patch-file-missing", sops.FormatOf(p.Path)})
		}
	}
	return out
}

func remote(name string) bool {
	u, err := url.Parse(name)
	return err == nil && u.Scheme != "" && u.Host != ""
}

// sources decrypts the files of a kustomization and of those that it lists,
// before the build.
type sources struct {
	*job
	folders map[string]bool // of the artifact
	visited map[string]bool // folders
	done    map[string]bool // files
}

// decryptFiles decrypts what the controller decrypts before a build.
func (j *job) decryptFiles() *render.Result {
	s := sources{job: j, folders: map[string]bool{"": true}, visited: map[string]bool{}, done: map[string]bool{}}
	for name := range j.files {
		for dir := path.Dir(name); dir != "." && !s.folders[dir]; dir = path.Dir(dir) {
			s.folders[dir] = true
		}
	}
	dir := within("", j.plan.Dir)
	s.folders[dir] = true
	failure, pos := s.folder(dir, finding.Position{})
	if failure == nil {
		return nil
	}
	failure.Condition = "BuildFailed"
	failure.Message = "error decrypting sources: " + failure.Message
	res := j.report(failure, pos)
	res.Problems = j.problems
	return res
}

func (s sources) folder(dir string, listed finding.Position) (*kustomize.Failure, finding.Position) {
	if s.visited[dir] || len(s.visited) >= maxLayers || !s.folders[dir] {
		return nil, finding.Position{}
	}
	s.visited[dir] = true
	k, failure := s.load(dir)
	if failure != nil {
		return failure, listed
	}
	l := s.layerOf(dir)
	for _, f := range k.secretFiles() {
		if failure := s.file(dir, f); failure != nil {
			return failure, s.at(l, f.pointer)
		}
	}
	for i, name := range k.Resources {
		if failure, pos := s.folder(within(dir, name), s.at(l, fmt.Sprintf("/resources/%d", i))); failure != nil {
			return failure, pos
		}
	}
	for i, name := range k.Components {
		if failure, pos := s.folder(within(dir, name), s.at(l, fmt.Sprintf("/components/%d", i))); failure != nil {
			return failure, pos
		}
	}
	return nil, finding.Position{}
}

// within joins as the controller does: what would leave the artifact ends at
// its root.
func within(dir, name string) string {
	if strings.HasPrefix(name, "/") {
		dir = ""
	}
	return strings.TrimPrefix(path.Join("/", dir, name), "/")
}

func (s sources) load(dir string) (kustomizationFile, *kustomize.Failure) {
	var k kustomizationFile
	var found []string
	for _, name := range fileNames {
		file := path.Join(dir, name)
		if _, ok := s.files[file]; ok || file == within("", s.plan.File) {
			found = append(found, file)
		}
	}
	switch len(found) {
	case 0:
		return k, &kustomize.Failure{Reason: "kustomization-file-missing", Message: "no kustomization file found"}
	case 1:
	default:
		return k, &kustomize.Failure{Reason: "decryption-failed", Message: "found multiple kustomization files"}
	}
	data, err := s.plan.Read(found[0])
	if err == nil {
		err = yaml.Unmarshal(data, &k)
	}
	if err != nil {
		return k, &kustomize.Failure{Reason: "decryption-failed",
			Message: fmt.Sprintf("failed to unmarshal kustomization file from '%s': %s", found[0], err)}
	}
	return k, nil
}

// layerOf is the kustomization file of a folder with its places, nil when they
// are not known.
func (s sources) layerOf(dir string) *layer {
	w, _ := s.layers()
	for _, l := range w.all {
		if within("", l.dir) == dir {
			return l
		}
	}
	return nil
}

func (s sources) at(l *layer, pointer string) finding.Position {
	if l == nil {
		return s.in.Object.At("/spec/path")
	}
	return l.At(pointer)
}

// file decrypts one file in the plan. A file whose key is not at hand gets
// placeholders.
func (s sources) file(dir string, f secretFile) *kustomize.Failure {
	name := within(dir, f.name)
	if s.done[name] {
		return nil
	}
	if _, ok := s.files[name]; !ok {
		if s.folders[name] {
			return &kustomize.Failure{Reason: "decryption-failed", Message: "cannot decrypt irregular file as it has file mode type bits set"}
		}
		return &kustomize.Failure{Reason: f.missing, Message: fmt.Sprintf("lstat %s: no such file or directory", name)}
	}
	data, err := s.plan.Read(name)
	if err != nil {
		return &kustomize.Failure{Reason: "decryption-failed", Message: err.Error()}
	}
	if len(data) > sops.MaxFileSize {
		return &kustomize.Failure{Reason: "decryption-failed",
			Message: fmt.Sprintf("cannot decrypt file with size (%d bytes) exceeding limit (%d)", len(data), sops.MaxFileSize)}
	}
	s.done[name] = true
	if !sops.IsEncrypted(data, f.format) {
		return nil
	}
	plain, err := s.open(data, f.format, f.format)
	if errors.Is(err, sops.ErrNotAtHand) {
		s.keys.locked[name] = err
		if plain.Data, err = sops.Locked(data, f.format); err != nil {
			// The controller would fail likewise, with any key.
			return &kustomize.Failure{Reason: "decryption-failed", Message: err.Error()}
		}
	}
	if err == nil {
		s.keys.opened[name] = plain.Leaves
		err = s.plan.Write(name, plain.Data)
	}
	if err != nil {
		return &kustomize.Failure{Reason: "decryption-failed", Message: err.Error()}
	}
	return nil
}
