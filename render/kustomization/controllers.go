package kustomization

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// controllers are the Deployments that bootstrap installs.
var controllers = []string{
	"helm-controller", "image-automation-controller", "image-reflector-controller",
	"kustomize-controller", "notification-controller", "source-controller",
}

// skeleton is a stand-in for the components file: Deployments without
// arguments, for patches to work on.
func skeleton() string {
	var b strings.Builder
	for _, name := range controllers {
		fmt.Fprintf(&b, `apiVersion: apps/v1
kind: Deployment
metadata:
  name: %s
  namespace: flux-system
  labels: {app.kubernetes.io/part-of: flux, app.kubernetes.io/component: %s}
spec:
  template:
    metadata:
      annotations: {}
      labels: {app: %s}
    spec:
      containers:
      - name: manager
        args: []
        env: []
        resources: {limits: {}, requests: {}}
        volumeMounts: []
      volumes: []
---
`, name, name, name)
	}
	return b.String()
}

// stub is an object of the name that kustomize misses: Kind.version.group/name.namespace.
func stub(id string) string {
	gvk, rest, _ := strings.Cut(id, "/")
	parts := strings.SplitN(gvk, ".", 3)
	for len(parts) < 3 {
		parts = append(parts, "")
	}
	name, namespace := rest, ""
	if i := strings.LastIndexByte(rest, '.'); i > 0 {
		name, namespace = rest[:i], rest[i+1:]
	}
	version := parts[1]
	if parts[2] != "[noGrp]" {
		version = parts[2] + "/" + version
	}
	meta := fmt.Sprintf("{name: %q}", name)
	if !strings.HasPrefix(namespace, "[") {
		meta = fmt.Sprintf("{name: %q, namespace: %q}", name, namespace)
	}
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: %s\n---\n", version, parts[0], meta)
}

// readDeployments reads the arguments of the controllers into the settings.
func readDeployments(s render.Settings, objects []*unstructured.Unstructured) render.Settings {
	for _, u := range objects {
		if u.GetKind() != "Deployment" {
			continue
		}
		switch u.GetName() {
		case "kustomize-controller":
			s = kustomizeFlags(s, arguments(u))
		case "helm-controller":
			s = helmFlags(s, arguments(u))
		}
	}
	return s
}

// argument is one flag of a command line.
type argument struct{ name, value string }

// arguments are the flags of the container of a controller.
func arguments(u *unstructured.Unstructured) []argument {
	spec := object(u.Object["spec"]).sub("template").sub("spec")
	var out []argument
	for _, c := range spec.list("containers") {
		container := object(c)
		if container.text("name") != "manager" {
			continue
		}
		args := container.list("args")
		for i := 0; i < len(args); i++ {
			text, _ := args[i].(string)
			name, value, found := strings.Cut(strings.TrimLeft(text, "-"), "=")
			if !strings.HasPrefix(text, "-") {
				continue
			}
			if !found && i+1 < len(args) {
				if next, _ := args[i+1].(string); !strings.HasPrefix(next, "-") {
					value = next
					i++
				}
			}
			out = append(out, argument{name, value})
		}
	}
	return out
}

// on is the value of a flag or gate that is on when it has none.
func (a argument) on() bool {
	if a.value == "" {
		return true
	}
	b, err := strconv.ParseBool(a.value)
	return err == nil && b
}

func (a argument) list() []argument {
	var out []argument
	for _, item := range strings.Split(a.value, ",") {
		if name, value, _ := strings.Cut(strings.TrimSpace(item), "="); name != "" {
			out = append(out, argument{name, value})
		}
	}
	return out
}

func kustomizeFlags(s render.Settings, args []argument) render.Settings {
	for _, a := range args {
		switch a.name {
		case "no-cross-namespace-refs":
			s.NoCrossNamespaceRefs = a.on()
		case "no-remote-bases":
			s.NoRemoteBases = a.on()
		case "default-service-account":
			s.KustomizeDefaultServiceAccount = a.value
		case "sops-age-secret":
			s.SOPSAgeSecret = a.value
		case "custom-apply-stage-kinds":
			s.CustomStageKinds = nil
			for _, kind := range a.list() {
				s.CustomStageKinds = append(s.CustomStageKinds, kind.name)
			}
		case "override-manager":
			for _, m := range a.list() {
				s.OverrideManagers = append(s.OverrideManagers, m.name)
			}
		case "feature-gates":
			for _, g := range a.list() {
				s = kustomizeGate(s, g)
			}
		}
	}
	return s
}

func kustomizeGate(s render.Settings, g argument) render.Settings {
	switch g.name {
	case "StrictPostBuildSubstitutions":
		s.StrictSubstitution = g.on()
	case "ExternalArtifact":
		s.ExternalArtifact = g.on()
	case "AdditiveCELDependencyCheck":
		s.AdditiveCELDependencyCheck = g.on()
	}
	return s
}

func helmFlags(s render.Settings, args []argument) render.Settings {
	for _, a := range args {
		switch a.name {
		case "no-cross-namespace-refs":
			s.NoCrossNamespaceRefs = s.NoCrossNamespaceRefs || a.on()
		case "default-service-account":
			s.HelmDefaultServiceAccount = a.value
		case "feature-gates":
			for _, g := range a.list() {
				s = helmGate(s, g)
			}
		}
	}
	return s
}

func helmGate(s render.Settings, g argument) render.Settings {
	switch g.name {
	case "UseHelm3Defaults":
		s.UseHelm3Defaults = g.on()
	case "DefaultToRetryOnFailure":
		s.DefaultToRetryOnFailure = g.on()
	case "DisableChartDigestTracking":
		s.DisableChartDigestTracking = g.on()
	}
	return s
}
