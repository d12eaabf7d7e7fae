package companion

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"path/filepath"
	"sync"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/site"
	"example.com/boxoffice/tools/internal/site/draw"
)

// sitePages are the pages of the clone's site, read anew when a file of it changed.
type sitePages struct {
	root string

	mu   sync.Mutex
	seen uint64 // of the files when site was read
	site *site.Site
}

// SitePages reads the site of a course. What is written there later shows at the next
// look at a page.
func SitePages(c *course.Course) (Pages, error) {
	p := &sitePages{root: c.Root, seen: fingerprint(c.Root)}
	var err error
	p.site, err = site.Open(c)
	return p, err
}

// current is the site as its files are now.
func (p *sitePages) current() (*site.Site, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := fingerprint(p.root)
	if now == p.seen {
		return p.site, nil
	}
	c, err := course.Open(p.root)
	if err != nil {
		return nil, err
	}
	read, err := site.Open(c)
	if err != nil {
		return nil, err
	}
	p.site, p.seen = read, now
	return read, nil
}

// fingerprint changes when a file of the site does.
func fingerprint(root string) uint64 {
	sum := fnv.New64a()
	_ = filepath.WalkDir(filepath.Join(root, "site"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // what can't be looked at, reading it will tell
		}
		if info, err := d.Info(); err == nil {
			_, _ = fmt.Fprintln(sum, path, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return sum.Sum64()
}

func (p *sitePages) Page(path, token string) ([]byte, error) {
	s, err := p.current()
	if err != nil {
		return nil, err
	}
	return s.Render(path, site.Options{Live: true, Token: token})
}

func (p *sitePages) Comparison(step *course.Step, token string) ([]byte, error) {
	s, err := p.current()
	if err != nil {
		return nil, err
	}
	if err := learner.CheckFolder(runner.Options{Step: step}); err != nil {
		return nil, err
	}
	mine, solved, err := learner.Sides(step)
	if err != nil {
		return nil, err
	}
	return s.RenderDiff(step, draw.NewDiff("your code", "solution", mine, solved), site.Options{Live: true, Token: token})
}

func (p *sitePages) Missing(path, token string) ([]byte, error) {
	s, err := p.current()
	if err != nil {
		return nil, err
	}
	return s.RenderMissing(path, site.Options{Live: true, Token: token})
}

func (p *sitePages) Asset(name string) ([]byte, error) {
	s, err := p.current()
	if err != nil {
		return nil, err
	}
	return s.Asset(name)
}

func (p *sitePages) SearchIndex() ([]byte, error) {
	s, err := p.current()
	if err != nil {
		return nil, err
	}
	return s.SearchIndex()
}
