/* The control socket's file, and who may do what on it. */
#include <sys/stat.h>

#include "coordinator/operator/control_roles.h"
#include "tests/unit/control_fixture.h"

static void roles_go_by_numbers(void)
{
    const char *read_items[] = { "group:daemon" };
    const char *force_items[] = { "user:bin", "root" };
    struct control_config config = { .read = { read_items, 1 }, .force = { force_items, 2 } };
    struct fault fault = { "" };
    struct control_roles *people = control_roles_new(&config, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(people);
    gid_t daemon_group = 1; /* Debian's static numbers: daemon 1, bin 2 */
    CU_ASSERT_EQUAL(control_roles_role(people, 12345, NULL, 0), ROLE_NONE);
    CU_ASSERT_EQUAL(control_roles_role(people, 12345, &daemon_group, 1), ROLE_READ);
    CU_ASSERT_EQUAL(control_roles_role(people, 2, NULL, 0), ROLE_FORCE);
    CU_ASSERT_EQUAL(control_roles_role(people, 0, NULL, 0), ROLE_FORCE);
    CU_ASSERT_EQUAL(control_roles_role(people, geteuid(), NULL, 0), ROLE_FORCE);
    gid_t group = 99;
    CU_ASSERT_TRUE(control_roles_group(people, &group));
    CU_ASSERT_EQUAL(group, daemon_group);
    control_roles_free(people);
    read_items[0] = "user:no-such-user-here";
    CU_ASSERT_PTR_NULL(control_roles_new(&config, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "no-such-user-here"));
    read_items[0] = "everybody";
    CU_ASSERT_PTR_NULL(control_roles_new(&config, &fault));
}

static struct control_server *try_listen(struct fault *fault)
{
    struct control_server_settings settings = { .path = path, .roles = &roles, .handle = handle };
    return control_server_new(loop, &settings, fault);
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void)
{
    start(false, 0);
    struct fault fault = { "" };
    CU_ASSERT_PTR_NULL(try_listen(&fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "running already"));
    int fd = dial();
    expect_good(ask(fd, STATUS)); /* the first one is untouched */
    close(fd);
    stop();
    CU_ASSERT_EQUAL(mkdir(folder, 0700), 0);
    loop = loop_new("test", &fault);
    /* Left behind by a process that died. */
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    close(dead);
    struct control_server *again = try_listen(&fault);
    CU_ASSERT_PTR_NOT_NULL(again);
    control_server_free(again);
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    /* Something else of that name is left alone. */
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    close(file);
    CU_ASSERT_PTR_NULL(try_listen(&fault));
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    unlink(path);
    loop_free(loop);
    rmdir(folder);
}

SUITE_MAIN("control_socket", TEST(roles_go_by_numbers), TEST(a_stale_socket_is_replaced_and_a_live_one_is_not))
