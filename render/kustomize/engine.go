// Package kustomize runs the kustomize library the way the Flux controllers
// do: builds of a Flux Kustomization, post-build substitution and Helm
// post-rendering. It is the only package that knows kustomize, and nothing it
// runs ever opens a network connection or writes to a disk.
package kustomize

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	kustypes "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

// engine guards the state that kustomize keeps for the whole process: its
// OpenAPI schema. One build runs at a time.
type engine struct {
	mu    sync.Mutex
	dirty bool // the schema is not, or not only, the built-in one
}

// shared is the one engine of the process, as the state it guards is.
var shared = &engine{dirty: true}

// schemaField appears in every kustomization file that changes the schema.
var schemaField = []byte("openapi")

// watch is a file system that notices kustomization files that may change the schema.
type watch struct {
	filesys.FileSystem
	dirty *bool
}

// ReadFile reads the file and notices a schema.
func (w watch) ReadFile(path string) ([]byte, error) {
	data, err := w.FileSystem.ReadFile(path)
	if err == nil && slices.Contains(konfig.RecognizedKustomizationFileNames(), filepath.Base(path)) &&
		bytes.Contains(bytes.ToLower(data), schemaField) {
		*w.dirty = true
	}
	return data, err
}

// do runs f alone, with the built-in schema loaded. A panic of kustomize, which
// some invalid input provokes, becomes an error with the text that prefix starts.
func (e *engine) do(prefix string, f func() error) (err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			e.dirty = true
			err = fmt.Errorf("%s: %v", prefix, r)
		}
	}()
	// Parsing the built-in schema takes fifty milliseconds, a usual build one.
	// So it is parsed again only after a build that may have changed it.
	if e.dirty {
		openapi.ResetOpenAPI()
		_ = openapi.Schema()
		e.dirty = false
	}
	return f()
}

// build runs kustomize on a folder of the file system with the options of the
// controllers: files of other folders are allowed, plugins are not.
func (e *engine) build(fs filesys.FileSystem, dir string) (resmap.ResMap, error) {
	var out resmap.ResMap
	err := e.do("recovered from kustomize build panic", func() error {
		options := &krusty.Options{
			LoadRestrictions: kustypes.LoadRestrictionsNone,
			PluginConfig:     kustypes.DisabledPluginConfig(),
		}
		// kustomize prints warnings about deprecated fields straight to the
		// standard error stream of the process; nobody could tell which file they mean.
		stream := os.Stderr
		if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
			os.Stderr = null
			defer func() { os.Stderr = stream; _ = null.Close() }()
		}
		var err error
		out, err = krusty.MakeKustomizer(options).Run(watch{FileSystem: fs, dirty: &e.dirty}, dir)
		return err
	})
	return out, err
}
