// Package content reads what pages are made of, the Markdown with its front matter and the YAML,
// and holds what is found to be wrong with any of it.
package content

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"example.com/boxoffice/tools/internal/course"
)

// Dir is where the Markdown lies, from the course's root.
const Dir = "site/content"

// Source is a Markdown file that a page is made of.
type Source struct {
	File string // from the course's root, with slashes
	Page string // the page that shows it: "guides/setup.html"
	Head []byte // its front matter
	Body []byte
	skip int // lines above the body
}

// ReadSource reads a Markdown file of the site. A file without front matter is an error.
func ReadSource(root, file, page string) (*Source, error) {
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return nil, err
	}
	head, body, err := course.SplitLesson(src)
	if err != nil {
		return nil, errors.New(strings.Replace(err.Error(), "a lesson begins", "the page must begin", 1))
	}
	return &Source{File: file, Page: page, Head: head, Body: body, skip: bytes.Count(head, []byte("\n")) + 3}, nil
}

// Line is the number in the file of the line that holds an offset of the body.
func (s *Source) Line(offset int) int {
	if offset < 0 || offset > len(s.Body) {
		return 0
	}
	return s.skip + 1 + bytes.Count(s.Body[:offset], []byte("\n"))
}

// GuideHead is the front matter of a guide.
type GuideHead struct {
	Title   string `yaml:"title"`
	Summary string `yaml:"summary"`
	Order   int    `yaml:"order"`   // its place in the menu, from 1
	Track   string `yaml:"track"`   // a track whose minutes the page states: verify adds them up
	Minutes int    `yaml:"minutes"` // of that track
}

// Guide is a page of text beside the lessons.
type Guide struct {
	*Source
	GuideHead
}

// ReadGuide reads a guide. What is wrong with its front matter is returned as findings,
// beside the guide.
func ReadGuide(root, file string) (*Guide, Findings) {
	page := strings.TrimSuffix(strings.TrimPrefix(file, Dir+"/"), ".md") + ".html"
	src, err := ReadSource(root, file, page)
	if err != nil {
		return nil, Findings{{File: file, Line: 1, What: err.Error()}}
	}
	g := &Guide{Source: src}
	if found := src.ReadHead(&g.GuideHead); found != nil {
		return g, found
	}
	return g, src.Needs(map[string]string{"title": g.Title, "summary": g.Summary})
}

// ReadHead reads the front matter into v, a pointer to a struct. Unknown keys are wrong.
func (s *Source) ReadHead(v any) Findings {
	if err := yaml.UnmarshalWithOptions(s.Head, v, yaml.Strict()); err != nil {
		return Findings{{File: s.File, Line: yamlLine(err, 1), What: "front matter: " + yamlMessage(err)}}
	}
	return nil
}

// Needs finds fields of the front matter that are empty or longer than a line.
func (s *Source) Needs(fields map[string]string) Findings {
	var found Findings
	for name, value := range fields {
		switch value = strings.TrimSpace(value); {
		case value == "":
			found = append(found, Finding{s.File, 1, "front matter: there is no " + name})
		case strings.Contains(value, "\n"):
			found = append(found, Finding{s.File, 1, "front matter: " + name + " must be one line"})
		}
	}
	return found
}

// ReadYAML reads a file of data below the course's root into v. A file that isn't there
// leaves v as it is.
func ReadYAML(root, file string, v any) Findings {
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = yaml.UnmarshalWithOptions(src, v, yaml.Strict())
	}
	if err != nil {
		return Findings{{File: file, Line: yamlLine(err, 0), What: yamlMessage(err)}}
	}
	return nil
}

// yamlLine is where an error stands in a file whose YAML begins after shift lines.
func yamlLine(err error, shift int) int {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
		return at.GetToken().Position.Line + shift
	}
	return shift
}

// yamlMessage is an error without the excerpt that the library draws.
func yamlMessage(err error) string {
	var at yaml.Error
	if errors.As(err, &at) {
		return at.GetMessage()
	}
	return err.Error()
}

// RepositoryPath joins a link's path to the folder of the file that it stands in. It
// fails for one that leads out of the repository.
func RepositoryPath(file, link string) (string, error) {
	joined := path.Join(path.Dir(file), link)
	if !filepath.IsLocal(joined) {
		return "", fmt.Errorf("links to %s, outside of the course", link)
	}
	return joined, nil
}
