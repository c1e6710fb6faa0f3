package kustomization

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// controllers are the Deployments that bootstrap installs.
var controllers = []string{
	"helm-controller", "image-automation-controller", "image-reflector-controller",
	"kustomize-controller", "notification-controller", "source-controller", "source-watcher",
}

// skeleton is a stand-in for the components file: Deployments without
// arguments, for patches to work on.
func skeleton() string {
	var b strings.Builder
	mounts, volumes := map[string]string{}, map[string]string{}
	for _, name := range controllers {
		// Patches replace volumes by their index.
		mounts[name], volumes[name] = "{mountPath: /tmp, name: temp}", "{emptyDir: {}, name: temp}"
		switch name {
		case "source-controller":
			mounts[name] = "{mountPath: /data, name: data}, {mountPath: /tmp, name: tmp}"
			volumes[name] = "{emptyDir: {}, name: data}, {emptyDir: {}, name: tmp}"
		case "image-reflector-controller":
			mounts[name] += ", {mountPath: /data, name: data}"
			volumes[name] += ", {emptyDir: {}, name: data}"
		}
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
        env:
        - {name: RUNTIME_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        resources: {limits: {}, requests: {}}
        volumeMounts: [%s]
      volumes: [%s]
---
`, name, name, name, mounts[name], volumes[name])
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

// container is what a Deployment of a controller runs.
type container struct {
	deployment, image string
	args              []string
}

// containers finds those of the controllers.
func containers(objects []*unstructured.Unstructured) []container {
	var out []container
	for _, u := range objects {
		if u.GetKind() != "Deployment" {
			continue
		}
		for _, item := range loose.Of(u.Object["spec"]).Sub("template").Sub("spec").List("containers") {
			c := loose.Of(item)
			if c.Text("name") != "manager" {
				continue
			}
			found := container{deployment: u.GetName(), image: c.Text("image")}
			for _, a := range c.List("args") {
				text, _ := a.(string)
				found.args = append(found.args, text)
			}
			out = append(out, found)
		}
	}
	return out
}

// readDeployments reads the arguments of the controllers into the settings. The
// one that has the name of the controller decides; further instances of it,
// for shards, add what they watch.
func readDeployments(s render.Settings, objects []*unstructured.Unstructured, place func(string) finding.Position) (render.Settings, []finding.Problem) {
	all := containers(objects)
	slices.SortStableFunc(all, func(a, b container) int { return cmp.Compare(a.deployment, b.deployment) })
	var problems []finding.Problem
	for _, c := range all {
		controller := componentOf(c.deployment, c.image)
		if controller == "" || controller == "notification-controller" || strings.HasPrefix(controller, "image-") {
			continue
		}
		if c.deployment != controller {
			continue
		}
		r := flagReader{settings: s, controller: controller, place: place}
		r.read(c.args)
		s, problems = r.settings, append(problems, r.problems...)
		if tag := imageTag(c.image); controller == "helm-controller" && tag != "" {
			s.HelmController = tag
		}
	}
	for _, c := range all {
		controller := componentOf(c.deployment, c.image)
		if c.deployment == controller || watchOf(&s, controller) == nil {
			continue
		}
		r := flagReader{settings: s.For(s.FluxVersion), controller: controller, place: place}
		r.read(c.args)
		problems = append(problems, r.problems...)
		shard, whole := watchOf(&r.settings, controller), watchOf(&s, controller)
		if !slices.ContainsFunc(c.args, func(a string) bool { return strings.Contains(a, "watch-label-selector") }) {
			shard.Selectors = []string{""}
		}
		if len(whole.Selectors) > 0 {
			whole.Selectors = append(slices.Clone(whole.Selectors), shard.Selectors...)
		}
	}
	return s, problems
}

// watchOf is what the instances of a controller watch, nil if that changes nothing.
func watchOf(s *render.Settings, controller string) *render.Watch {
	switch controller {
	case "kustomize-controller":
		return &s.Watch
	case "helm-controller":
		return &s.HelmWatch
	case "source-controller":
		return &s.SourceWatch
	case "source-watcher":
		return &s.WatcherWatch
	}
	return nil
}

// imageTag is the version that the tag of an image names, or empty.
func imageTag(image string) string {
	base := image[strings.LastIndexByte(image, '/')+1:]
	base, _, _ = strings.Cut(base, "@")
	if _, tag, ok := strings.Cut(base, ":"); ok && strings.HasPrefix(tag, "v") {
		return tag
	}
	return ""
}
