// Command generate writes the embedded schemas: those of Kubernetes from the
// OpenAPI documents of its module, and the CRDs of Flux from its API modules.
// It runs in the root of the module and reads the module cache only.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/schemas/internal/archive"
)

func main() {
	if err := run(filepath.Join("schemas", "data")); err != nil {
		fmt.Fprintln(os.Stderr, "generate schemas:", err)
		os.Exit(1)
	}
}

func run(folder string) error {
	kubernetes, err := kubernetesSchemas()
	if err != nil {
		return err
	}
	flux, err := fluxCRDs()
	if err != nil {
		return err
	}
	for name, content := range map[string]any{"kubernetes.json.zst": kubernetes, "flux.json.zst": flux} {
		data, err := archive.Encode(content)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// module returns folder and version of a required module.
func module(path string) (dir, version string, err error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}} {{.Version}}", path).Output()
	if err != nil {
		return "", "", fmt.Errorf("find module %s: %w", path, err)
	}
	fields := strings.Fields(string(out))
	if len(fields) != 2 {
		return "", "", fmt.Errorf("module %s is not in the module cache", path)
	}
	return fields[0], fields[1], nil
}
