// What makes the pages live while `go tool workshop start` serves them. Whatever comes from
// the learner's machine is shown as text, never as HTML.
(() => {
  const { kind, step, root } = document.body.dataset
  const compares = location.pathname.endsWith('/diff.html')
  const $ = (selector, from = document) => from.querySelector(selector)
  const all = (selector, from = document) => [...from.querySelectorAll(selector)]
  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag)
    for (const name in attributes) element.setAttribute(name, attributes[name])
    element.append(...children)
    return element
  }
  const button = (text, act) => {
    const element = make('button', { type: 'button', class: 'act' }, text)
    element.onclick = act
    return element
  }
  const link = (path, text) => make('a', { href: root + path, class: 'act' }, text)
  // put changes an element only when that is news: what is unfolded stays so, and nothing is
  // announced twice.
  const shows = new WeakMap()
  const put = (element, news, nodes = () => [news]) => {
    const key = JSON.stringify(news)
    if (shows.get(element) === key) return
    shows.set(element, key)
    element.replaceChildren(...nodes())
    element.hidden = !element.hasChildNodes()
  }

  // ——— Actions need the page's token; a companion that was started anew has another.
  let token = document.body.dataset.token
  const load = async () => new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), 'text/html')
  const post = async (action, wants, again = true) => {
    const answer = await fetch(`${root}api/${action}`, {
      method: 'POST', body: JSON.stringify(wants), headers: { 'Content-Type': 'application/json', 'X-Workshop-Token': token },
    })
    if (answer.status !== 403 || !again) return answer.json()
    token = (await load()).body.dataset.token
    return post(action, wants, false)
  }
  const act = (action, wants = {}) => post(action, wants)
    .catch(() => ({ error: 'The companion does not answer.', next: 'go tool workshop start' }))
    .then(answer => answer.error ? tell([answer.error], answer.next) : answer)

  // ——— A dialog asks and tells
  const dialog = make('dialog', { class: 'ask', 'aria-label': 'Workshop' })
  document.body.append(dialog)
  const tell = (lines, command, goOn) => {
    dialog.replaceChildren(
      ...lines.map(line => make('p', {}, line)),
      ...command ? [make('pre', { tabindex: 0 }, command)] : [],
      make('p', { class: 'acts' }, ...goOn ? [button('Go on', goOn)] : [], button(goOn ? 'Cancel' : 'Close', () => dialog.close())))
    if (!dialog.open) dialog.showModal()
  }
  const restore = async (verb, confirmed = false) => {
    more.open = false
    const answer = await act(verb, { step, confirmed })
    if (answer) tell(answer.lines, answer.command, answer.asks && (() => restore(verb, true)))
  }

  // ——— The bar at the foot
  const says = $('.live')
  const doing = make('span', { class: 'doing', 'aria-hidden': true })
  const acts = make('span', { class: 'acts' })
  const both = (wide, narrow) => [make('span', { class: 'on-wide' }, wide), make('span', { class: 'on-narrow' }, narrow)]
  const only = (where, element) => { element.classList.add(where); return element }
  const run = where => only(where, button('Run now', () => { more.open = false; act('run') }))
  // On a narrow screen the bar keeps to one row: what has no room goes into the menu.
  const more = make('details', { class: 'more' },
    make('summary', { class: 'act' }, ...both('Start over', 'More')),
    make('p', { class: 'acts' }, run('on-narrow'), ...kind === 'step' && !compares ? [only('on-narrow', link(`steps/${step}/diff.html`, 'Compare'))] : [],
      button('Reset the step', () => restore('reset')), button('Take the solution', () => restore('solve'))))
  const bar = make('section', { class: 'live-bar', 'aria-label': 'Your tests' })
  says.replaceWith(bar)
  bar.append(says, doing, acts, ...kind === 'step' ? [more] : [])
  const number = step => step.slice(0, step.indexOf('-'))
  const jump = link('', '')
  const title = document.title
  const showBar = s => {
    bar.dataset.state = s.state
    bar.classList.toggle('elsewhere', Boolean(step && s.step !== step))
    put(says, s.says)
    doing.textContent = s.doing
    jump.href = `${root}steps/${s.step}.html#${s.failures[0]?.task ? `task-${s.failures[0].task}` : 'your-tasks'}`
    put(jump, s.step, () => step && s.step !== step ? [`Go to step ${number(s.step)}`] : both('To the task', 'Task'))
    put(acts, s.step, () => step && s.step !== step ? [
      make('span', { class: 'unwatched' }, `Saves of step ${number(step)} are not watched.`),
      button('Work on this step', () => act('step', { step })),
      jump,
    ] : [
      run(kind === 'step' ? 'on-wide' : 'always'),
      jump,
      ...compares ? [] : [only(kind === 'step' ? 'on-wide' : 'always', link(`steps/${s.step}/diff.html`, 'Compare'))],
    ])
    document.title = (s.step === step && { green: '✓ ', red: '✕ ' }[s.state] || '') + title
  }

  // ——— The map and the menu
  const showSteps = s => {
    for (const of of s.steps) {
      for (const state of all(`li[data-step="${of.name}"] .state`)) {
        state.dataset.state = of.state
        put(state, of.word, () => [state.closest('.menu') ? make('span', { class: 'unseen' }, of.word) : of.word])
      }
    }
  }

  // ——— What there is to say, and failures
  const fold = (name, open, ...children) => {
    const element = make('details', { class: 'failure' }, make('summary', {}, name), ...children)
    element.open = open
    return element
  }
  const pre = text => make('pre', { tabindex: 0 }, text)
  const say = (label, text) => make('p', {}, make('span', { class: 'label' }, label), text)
  const copied = text => [make('code', {}, text), make('button', { type: 'button', class: 'copy' }, 'Copy')] // site.js copies
  const commands = (label, { text, note = '' }) => make('div', { class: 'try' }, make('span', { class: 'label' }, label),
    make('div', {}, ...text ? [make('div', { class: 'command' }, ...copied(text))] : [], note && `(${note})`))
  const block = ({ label, text, note }, i, all) => {
    const page = /^site\/content\/(\w+\/[\w-]+)\.md/.exec(text)
    if (label === 'read on' && page) return say(label, make('a', { href: `${root}${page[1]}.html` }, text))
    if (label === 'try') return commands(all[i - 1]?.label === label ? '' : 'Try it', { text, note })
    return label ? say(label, text) : pre(text)
  }
  const failed = (f, open) => f.same
    ? make('p', { class: 'same' }, make('code', {}, f.test), ` fails the same way as ${f.same}.`)
    : fold(f.test, open, ...f.blocks.map(block))
  const folds = (failures, first) => {
    const same = failures.filter(f => f.same)
    const others = failures.filter(f => !f.same).map(f => failed(f, f === first))
    return same.length ? [...others, fold(`${same.length} more, for the same reason`, false, ...same.map(f => failed(f)))] : others
  }
  const row = ({ label, code, text, fold: long, page, step: to }) => {
    if (long) return fold(label, true, pre(text))
    const what = page ? make('a', { href: root + page }, text) : text
    if (to) what.onclick = e => goOn(e, to)
    return say(label, make('span', {}, ...code ? [make('span', { class: 'place' }, ...copied(code))] : [], what))
  }
  // goOn has the step watched to which a link leads, and then goes there.
  const goOn = async (e, to) => {
    if (e.ctrlKey || e.metaKey || e.shiftKey) return // another tab, which has a button for it
    e.preventDefault()
    const { href } = e.currentTarget
    if (await act('step', { step: to })) location.href = href
  }

  const verdict = make('div', { class: 'verdict', hidden: '' })
  $('.tasks')?.before(verdict)
  const showVerdict = ({ rows, failures }) => put(verdict, [rows, failures], () => [...rows.map(row), ...folds(failures.filter(f => !f.task), failures[0])])

  // ——— Tasks
  const opened = {}
  // showTest marks a test in its task's list, with what it said, and returns its name.
  const showTest = (s, task, line, failures) => {
    const name = line.dataset.test ??= line.textContent.trim()
    line.dataset.state = s.tests[name] ?? (task.state === 'running' ? 'running' : 'unknown')
    const failure = failures.find(f => f.test === name)
    put(line, failure ?? null, () => [failure ? failed(failure, failure === s.failures[0]) : make('code', {}, name)])
    return name
  }
  const showTask = (s, task) => {
    const card = $(`.task[data-task="${task.number}"]`)
    if (!card) return
    const state = $('.state', card)
    state.dataset.state = task.state
    put(state, task.word)
    const failures = task.state === 'green' ? [] : s.failures.filter(f => f.task === task.number && s.tests[f.test] !== 'green')
    const listed = all('.tests li', card).map(line => showTest(s, task, line, failures))
    const others = failures.filter(f => !listed.includes(f.test))
    put($('.failures', card), others, () => folds(others, s.failures[0]))
    if (task.opened > (opened[task.number] ?? 0)) { // elsewhere, or before the page was loaded; each lies in the one before
      for (const hint of all('.hint', card).slice(0, task.opened)) hint.open = true
    }
    opened[task.number] = task.opened
  }
  for (const hint of all('.task .hint')) {
    $('summary', hint).addEventListener('click', () => {
      const task = +hint.closest('.task').dataset.task
      const number = +hint.dataset.hint
      if (hint.open || number <= (opened[task] ?? 0)) return
      opened[task] = number
      act('hint', { step, task, number })
    })
  }

  // ——— The comparison shows what was saved
  let ran
  const showComparison = async s => {
    const ended = ran && s.state !== 'running'
    ran = s.state === 'running'
    const fresh = ended && $('main', await load())
    if (fresh) $('main').replaceWith(fresh)
  }

  // ——— What shows the solution opens once the step is done; the learner may fold it again
  const solution = $('#what-changed')
  let solved = false
  const showSolution = ({ state }) => {
    if (solution && state === 'green' && !solved) solution.open = solved = true
  }

  const nothing = { rows: [], failures: [], tests: {} }
  const show = s => {
    const mine = s.step === step
    showBar(s)
    showSteps(s)
    showVerdict(mine ? s : nothing)
    const here = s.steps.find(one => one.name === step)
    for (const task of here?.tasks ?? []) showTask(mine ? s : nothing, task)
    if (here) showSolution(here)
    if (mine && compares) showComparison(s)
  }

  // ——— The stream of states. A page that nobody sees lets go of it: browsers keep few
  // connections to one address.
  let stream, lost
  const connect = () => {
    stream?.close()
    stream = document.hidden ? null : new EventSource(`${root}api/events`)
    if (!stream) return
    stream.addEventListener('state', e => {
      clearTimeout(lost)
      lost = 0
      bar.classList.remove('lost')
      show(JSON.parse(e.data))
    })
    stream.onerror = e => {
      lost ||= setTimeout(() => {
        bar.classList.add('lost')
        put(says, 'Disconnected: start it again with go tool workshop start')
      }, 1500)
      if (e.target.readyState === EventSource.CLOSED) setTimeout(connect, 2000)
    }
  }
  document.addEventListener('visibilitychange', connect)
  addEventListener('pageshow', connect)
})()
