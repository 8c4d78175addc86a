"""Templates over HTTP; the gateway sends every path that is not query's here."""

from uuid import UUID

from django_filters import CharFilter  # type: ignore[import-untyped]
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register.api.preconditions import accepted_versions
from register.api.template_input import (
    NAME_MAX_LENGTH,
    ApplyInput,
    InstancesInput,
    TemplateInput,
    read_apply,
    read_instances,
    read_new_template,
    read_template_changes,
)
from register.given import Given
from register.names import KEY_MAX_LENGTH
from register.templating import instances, selectors, services
from register.templating.instances import Effect
from register.templating.shown import template_as_json, template_revision_as_json
from scheduler.answers import (
    InstancesAnswer,
    TemplateAnswer,
    TemplateAppliedAnswer,
    TemplateEffectAnswer,
    TemplatePage,
    TemplateRevisionPage,
)
from scheduler.filtering import ListFilter
from scheduler.keysets import Order
from scheduler.lists import PAGING_PARAMETERS, answer_list
from scheduler.models import Template, TemplateRevision
from scheduler.parameters import Reader, refuse_all
from scheduler.representations import Json, etag, task_as_json
from scheduler.tokens import Caller, caller_of

_IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The template's ETag, or *.")
_DRY_RUN = OpenApiParameter(
    "dryRun", OpenApiTypes.BOOL, default=False, description="Only tell which tasks this, once applied, would change."
)
_CHANGED = {
    200: PolymorphicProxySerializer(
        "TemplateChanged", [TemplateAnswer, TemplateEffectAnswer], resource_type_field_name=None
    )
}


class TemplateFilter(ListFilter):
    """The list of templates."""

    name = CharFilter(max_length=NAME_MAX_LENGTH)
    namespace = CharFilter(max_length=KEY_MAX_LENGTH)

    class Meta:
        model = Template
        fields: list[str] = []


class TemplateRevisionFilter(ListFilter):
    """The list of a template's versions."""

    class Meta:
        model = TemplateRevision
        fields: list[str] = []


class TemplatesView(APIView):
    """All templates."""

    @extend_schema(
        operation_id="listTemplates", summary="List templates", tags=["templates"],
        parameters=[OpenApiParameter("name"), OpenApiParameter("namespace"), *PAGING_PARAMETERS],
        responses={200: TemplatePage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the templates that the caller may see, by name."""
        filters = TemplateFilter(
            request.query_params, queryset=selectors.listed(namespace=caller_of(request).namespace)
        )
        return Response(answer_list(request.query_params, filters, order=lambda: Order("name"), show=template_as_json))

    @extend_schema(
        operation_id="createTemplate", summary="Create a template", tags=["templates"], request=TemplateInput,
        responses={201: TemplateAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Create a template of which tasks can be made."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        given = read_new_template(request.data)
        template = services.create_template(given, actor=caller.name, namespace=caller.namespace, now=caller.now)
        answer = _answer(template.id, caller, status=201)
        answer["Location"] = f"/api/v1/templates/{template.id}"
        return answer


class TemplateView(APIView):
    """One template."""

    @extend_schema(
        operation_id="getTemplate", summary="Show a template", tags=["templates"], responses={200: TemplateAnswer}
    )
    def get(self, request: Request, template_id: UUID) -> Response:
        """Show a template; `pendingTaskCount` is how many of its tasks have not got its latest version."""
        refuse_all(request.query_params)
        return _answer(template_id, caller_of(request))

    @extend_schema(
        operation_id="updateTemplate", summary="Change a template", tags=["templates"],
        request=TemplateInput(partial=True), parameters=[_IF_MATCH, _DRY_RUN], responses=_CHANGED,
    )  # fmt: skip
    def put(self, request: Request, template_id: UUID) -> Response:
        """Change the fields given and keep the others; the tasks stay as they are until that is applied."""
        return self._change(request, template_id)

    @extend_schema(
        operation_id="patchTemplate", summary="Change a template", tags=["templates"],
        request=TemplateInput(partial=True), parameters=[_IF_MATCH, _DRY_RUN], responses=_CHANGED,
    )  # fmt: skip
    def patch(self, request: Request, template_id: UUID) -> Response:
        """Change the fields given and keep the others, as PUT does."""
        return self._change(request, template_id)

    @extend_schema(
        operation_id="deleteTemplate", summary="Delete a template", tags=["templates"], parameters=[_IF_MATCH],
        responses={204: OpenApiResponse(description="Deleted.")},
    )  # fmt: skip
    def delete(self, request: Request, template_id: UUID) -> Response:
        """Delete a template of which there is no task."""
        caller = caller_of(request)
        services.delete_template(
            template_id, namespace=caller.namespace, versions=accepted_versions(request), now=caller.now
        )
        return Response(status=204)

    def _change(self, request: Request, template_id: UUID) -> Response:
        caller = caller_of(request)
        given = read_template_changes(request.data)
        if Reader(request.query_params).is_dry_run():
            return _plan(request, template_id, given)
        services.change_template(
            template_id, given, namespace=caller.namespace, versions=accepted_versions(request), now=caller.now
        )
        return _answer(template_id, caller)


class TemplateRevisionsView(APIView):
    """The versions of a template."""

    @extend_schema(
        operation_id="listTemplateRevisions", summary="List a template's revisions", tags=["templates"],
        parameters=PAGING_PARAMETERS, responses={200: TemplateRevisionPage},
    )  # fmt: skip
    def get(self, request: Request, template_id: UUID) -> Response:
        """List the versions of a template, the latest first, each whole."""
        template = selectors.find(template_id, namespace=caller_of(request).namespace)
        filters = TemplateRevisionFilter(request.query_params, queryset=selectors.versions_of(template))
        order = Order("version", is_descending=True)
        return Response(answer_list(request.query_params, filters, order=lambda: order, show=template_revision_as_json))


class InstantiateView(APIView):
    """Tasks made of a template."""

    @extend_schema(
        operation_id="instantiateTemplate", summary="Register tasks of a template", tags=["templates"],
        request=InstancesInput, responses={201: InstancesAnswer},
    )  # fmt: skip
    def post(self, request: Request, template_id: UUID) -> Response:
        """Register one task, or up to 100, all of them or none."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        wanted = read_instances(request.data)
        tasks = instances.instantiate(
            template_id, wanted, actor=caller.name, namespace=caller.namespace, now=caller.now
        )
        return Response({"tasks": [task_as_json(task) for task in tasks]}, status=201)


class ApplyView(APIView):
    """A template's latest version, for the tasks made of it."""

    @extend_schema(
        operation_id="applyTemplate", summary="Apply a template to its tasks", tags=["templates"],
        request=ApplyInput, responses={200: TemplateAppliedAnswer},
    )  # fmt: skip
    def post(self, request: Request, template_id: UUID) -> Response:
        """Give the latest version to up to 100 tasks that have not got it; ask again with `after` for the next."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        after = read_apply(request.data)
        applied = instances.apply_version(template_id, after=after, namespace=caller.namespace, now=caller.now)
        left = selectors.find(template_id, namespace=caller.namespace).pending_count
        return Response(
            {
                "id": str(applied.template.id),
                "version": applied.template.version,
                "tasks": [_effect(effect) for effect in applied.effects],
                "nextAfter": str(applied.last) if applied.last is not None else None,
                "pendingTaskCount": left,
            }
        )


def _answer(template_id: UUID, caller: Caller, *, status: int = 200) -> Response:
    template = selectors.find(template_id, namespace=caller.namespace)
    return Response(template_as_json(template), status=status, headers={"ETag": etag(template)})


def _plan(request: Request, template_id: UUID, given: Given) -> Response:
    caller = caller_of(request)
    # Nothing is changed: where If-Match is demanded of changes, this one need not say which version it saw.
    versions = accepted_versions(request) if "If-Match" in request.headers else None
    plan = instances.plan_change(template_id, given, namespace=caller.namespace, versions=versions, now=caller.now)
    return Response(
        {
            "id": str(plan.template.id),
            "version": plan.template.version,
            "makesVersion": plan.is_new_version,
            "taskCount": plan.task_count,
            "tasks": [_effect(effect) for effect in plan.effects],
        }
    )


def _effect(effect: Effect) -> Json:
    return {
        "id": str(effect.task.id),
        "name": effect.task.name,
        "namespace": effect.task.namespace,
        "changes": [{"field": one.field, "old": one.old, "new": one.new} for one in effect.changes],
        "errors": [{"field": one.field, "code": one.code, "message": one.message} for one in effect.faults],
    }
