"""The description of the interface as one plain page out of its OpenAPI schema: no script, nothing from elsewhere."""
from html import escape

HEAD = ('<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Interface · Hearthgrid</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/hearthgrid/style.css"></head><body><main class="reference">'
        '<p><a href="/">Back to the home</a></p>')


def page(schema: dict) -> str:
    """Return the page of an OpenAPI schema."""
    parts = [HEAD, f'<h1>{escape(schema["info"]["title"])}</h1><p>{_text(schema["info"].get("description", ""))}</p>'
             '<p>For machines: <a href="/api/openapi.json">openapi.json</a></p>']
    by_tag: dict[str, list[str]] = {}
    for path, methods in schema['paths'].items():
        for method, about in methods.items():
            by_tag.setdefault((about.get('tags') or ['more'])[0], []).append(_operation(method, path, about))
    for tag, operations in by_tag.items():
        parts.append(f'<section class="card"><h2>{escape(tag)}</h2>{"".join(operations)}</section>')
    models = ''.join(_model(name, about) for name, about in sorted(schema['components']['schemas'].items()))
    parts.append(f'<section class="card"><h2>models</h2>{models}</section></main></body></html>')
    return ''.join(parts)


def _operation(method: str, path: str, about: dict) -> str:
    given = ''.join(f'<li><code>{escape(one["name"])}</code> ({one["in"]}): {_type(one["schema"])} '
                    f'{_text(one.get("description", ""))}</li>' for one in about.get('parameters', ()))
    body = about.get('requestBody', {}).get('content', {}).get('application/json', {}).get('schema')
    if body:
        given += f'<li>body: {_type(body)}</li>'
    fine = next((code for code in about['responses'] if code.startswith('2')), '')
    content = about['responses'].get(fine, {}).get('content', {})
    gives = ', '.join(f'{_type(one["schema"])} ({escape(kind)})' if one.get('schema') else escape(kind)
                      for kind, one in content.items())
    wrong = ', '.join(code for code in about['responses'] if not code.startswith('2'))
    return (f'<details><summary><strong>{method.upper()}</strong> <code>{escape(path)}</code></summary>'
            f'<p>{_text(about.get("description") or about.get("summary", ""))}</p><ul>{given}</ul>'
            f'<p class="hint">Gives {fine}: {gives or "nothing"}. Errors: {wrong or "none"}.</p></details>')


def _model(name: str, about: dict) -> str:
    needed = about.get('required', ())
    rows = ''.join(f'<li><code>{escape(field)}</code>{"" if field in needed else " (optional)"}: {_type(one)} '
                   f'{_text(one.get("description", ""))}</li>' for field, one in about.get('properties', {}).items())
    return (f'<details id="{escape(name)}"><summary><strong>{escape(name)}</strong></summary>'
            f'<p>{_text(about.get("description", ""))}</p><ul>{rows}</ul></details>')


def _type(schema: dict) -> str:
    """Return the type of a schema in words, with its bounds."""
    if '$ref' in schema:
        name = schema['$ref'].rsplit('/', 1)[-1]
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    if 'anyOf' in schema:
        return ' or '.join(map(_type, schema['anyOf']))
    if 'enum' in schema:
        return ', '.join(f'<code>{escape(str(one))}</code>' for one in schema['enum'])
    if schema.get('type') == 'array':
        return f'list of {_type(schema["items"])}'
    bounds = ', '.join(f'{sign} {schema[key]:g}' for key, sign in (
        ('minimum', '≥'), ('exclusiveMinimum', '>'), ('maximum', '≤'), ('exclusiveMaximum', '<')) if key in schema)
    return escape(schema.get('type', 'anything')) + (f' ({bounds})' if bounds else '')


def _text(text: str) -> str:
    return escape(' '.join(text.split()))
